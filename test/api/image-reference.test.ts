import test from "ava";
import { parseReference, versionOf } from "../../core/api/image-reference.ts";

const digest = `sha256:${"0".repeat(64)}`;

test("references are read as container tools read them", (t) => {
  t.deepEqual(parseReference("nginx"), { registry: "docker.io", repository: "library/nginx" });
  t.deepEqual(parseReference("team/app:1.2"), { registry: "docker.io", repository: "team/app", tag: "1.2" });
  t.deepEqual(parseReference("localhost:5000/app"), { registry: "localhost:5000", repository: "app" });
  t.deepEqual(parseReference(`ghcr.io/a/b/c:x@${digest}`), { registry: "ghcr.io", repository: "a/b/c", tag: "x", digest });
  t.is(versionOf({ registry: "r", repository: "a" }), "latest");
  t.is(versionOf({ registry: "r", repository: "a", tag: "t", digest }), digest);
});

test("what is no reference is not guessed at", (t) => {
  for (const text of ["", "Upper", "a:", "a@sha256:1", "host.name/", "a/../b", "a b", `a@${digest}@${digest}`, "reg.io/a:b:c", "user:pw@host.io/a"]) {
    t.is(parseReference(text), undefined, text);
  }
});
