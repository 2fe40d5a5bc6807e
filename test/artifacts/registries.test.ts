import test from "ava";
import { parseRegistries, readRegistries } from "../../core/artifacts/registries.ts";

test("registries are configured in one file, which may be absent", (t) => {
  t.deepEqual(readRegistries("/nonexistent/registries.json"), {});
  const text = '{"mirrors":{"docker.io":["https://mirror.example","http://10.0.0.5:5000"]},"plainHttp":["10.0.0.5:5000","localhost:5000","[fd00::1]:80"],"credentials":{"ghcr.io":{"username":"a","password":"b"}}}';
  t.deepEqual(parseRegistries(text).plainHttp, ["10.0.0.5:5000", "localhost:5000", "[fd00::1]:80"]);
  t.is(parseRegistries(text).credentials?.["ghcr.io"]?.username, "a");
});

test("mistakes are named, and passwords do not go over the internet in the open", (t) => {
  const refused = (text: string, message: RegExp) => void t.throws(() => parseRegistries(text), { message });
  refused("[]", /expected an object/);
  refused('{"mirror":{}}', /"mirror" is not known/);
  refused('{"plainHttp":["8.8.8.8:5000"]}', /public address/);
  refused('{"plainHttp":["http://10.0.0.1"]}', /not HOST:PORT/);
  refused('{"mirrors":{"docker.io":["http://mirror.example"]}}', /not encrypted/);
  refused('{"mirrors":{"docker.io":"https://mirror.example"}}', /list of URLs/);
  refused('{"credentials":{"ghcr.io":{"user":"a"}}}', /credentials of ghcr.io/);
});
