/** Probes that go over the network, against real servers on the loopback. */
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcp, type AddressInfo, type Server } from "node:net";
import test, { type ExecutionContext } from "ava";
import { probeGrpc } from "../../../edge-agent/probes/grpc-health.ts";
import { httpTarget, probeHttp } from "../../../edge-agent/probes/http-get.ts";
import { extendStreak, verdict } from "../../../edge-agent/probes/outcome.ts";
import { portNumber } from "../../../edge-agent/probes/ports.ts";
import { probeTcp } from "../../../edge-agent/probes/tcp-connect.ts";

const never = new AbortController().signal;

async function listening(t: ExecutionContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

const http = (t: ExecutionContext, answer: RequestListener) => listening(t, createServer(answer));
const target = (port: number, path: string, httpHeaders: { name: string; value: string }[] = []) => httpTarget({ port, path, httpHeaders }, { ip: "127.0.0.1", ports: [], agent: "kube-probe" });

test("an HTTP probe sends what it was told to, and passes from 200 to 399", async (t) => {
  let seen: readonly string[] = [];
  const port = await http(t, (request, response) => {
    seen = [`${request.method} ${request.url}`, ...request.rawHeaders];
    response.writeHead(Number(request.url?.slice(1, 4))).end("body");
  });
  t.like(await probeHttp(target(port, "/204?x=1", [{ name: "X-Case", value: "one" }, { name: "Host", value: "a.test" }]), never), { result: "success" });
  t.is(seen[0], "GET /204?x=1");
  t.deepEqual(Object.fromEntries(Array.from({ length: (seen.length - 1) / 2 }, (_each, index) => seen.slice(1 + 2 * index, 3 + 2 * index))), { "User-Agent": "kube-probe/1.36", Accept: "*/*", "X-Case": "one", Host: "a.test", Connection: "close" });
  t.like(await probeHttp(target(port, "/399"), never), { result: "success" });
  t.deepEqual(await probeHttp(target(port, "/404"), never), { result: "failure", output: "HTTP probe failed with statuscode: 404" });
  await probeHttp(target(port, "/200", [{ name: "Accept", value: "" }]), never);
  t.false(seen.includes("Accept"), "a header without a value takes the default away");
});

test("an HTTP probe follows redirects within the host, and warns of others", async (t) => {
  const port = await http(t, (request, response) => {
    if (request.url === "/here") response.writeHead(302, { location: "/there" }).end();
    else if (request.url === "/away") response.writeHead(302, { location: "http://other.example/" }).end("gone");
    else response.writeHead(request.url === "/there" ? 503 : 302, request.url === "/loop" ? { location: "/loop" } : {}).end();
  });
  t.like(await probeHttp(target(port, "/here"), never), { result: "failure", output: "HTTP probe failed with statuscode: 503" });
  t.deepEqual(await probeHttp(target(port, "/away"), never), { result: "warning", output: "Probe terminated redirects, Response body: gone" });
  t.like(await probeHttp(target(port, "/loop"), never), { result: "failure", output: `Get "http://127.0.0.1:${port}/loop": stopped after 10 redirects` });
});

test("connections that fail are told in the words users search for", async (t) => {
  const port = await listening(t, createTcp());
  t.deepEqual(await probeTcp({ host: "127.0.0.1", port }, never), { result: "success", output: "" });
  const silent = createTcp();
  const quiet = await listening(t, silent);
  const limit = new AbortController();
  silent.on("connection", () => limit.abort());
  t.deepEqual(await probeHttp(target(quiet, "/"), limit.signal), { result: "failure", output: `Get "http://127.0.0.1:${quiet}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` });
  const closed = createTcp();
  const free = await listening(t, closed);
  await new Promise((resolve) => closed.close(resolve));
  t.deepEqual(await probeTcp({ host: "127.0.0.1", port: free }, never), { result: "failure", output: `dial tcp 127.0.0.1:${free}: connect: connection refused` });
  t.deepEqual(await probeHttp(target(free, "/"), never), { result: "failure", output: `Get "http://127.0.0.1:${free}/": dial tcp 127.0.0.1:${free}: connect: connection refused` });
});

/** grpc.health.v1 by hand: framed messages with field 1. */
function healthServer(answer: (service: string, stream: ServerHttp2Stream) => void) {
  const server = createHttp2();
  server.on("stream", (stream) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part)).on("end", () => answer(Buffer.concat(parts).subarray(7).toString(), stream));
  });
  return server;
}

test("a gRPC probe asks the health service by name", async (t) => {
  const server = healthServer((service, stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(service === "none" ? { "grpc-status": "12", "grpc-message": "unknown service" } : { "grpc-status": "0" }));
    stream.end(service === "none" ? undefined : Buffer.from([0, 0, 0, 0, 2, 0x08, service === "good" ? 1 : 2]));
  });
  const port = await listening(t, server as unknown as Server);
  const ask = (service: string) => probeGrpc({ host: "127.0.0.1", action: { port, service }, timeoutSeconds: 1 }, never);
  t.like(await ask("good"), { result: "success" });
  t.deepEqual(await ask("bad"), { result: "failure", output: 'service unhealthy (responded with "NOT_SERVING")' });
  t.regex((await ask("none")).output, /does not implement the grpc health protocol/);
  const limit = AbortSignal.abort();
  t.is((await probeGrpc({ host: "127.0.0.1", action: { port: 1 }, timeoutSeconds: 4 }, limit)).output, 'timeout: failed to connect service "127.0.0.1:1" within 4s: context deadline exceeded');
});

test("ports by number and by name", (t) => {
  const ports = [{ name: "web", containerPort: 8080 }];
  t.is(portNumber("web", ports), 8080);
  t.is(portNumber("9090", ports), 9090);
  t.throws(() => portNumber("other", ports), { message: 'strconv.Atoi: parsing "other": invalid syntax' });
  t.throws(() => portNumber(70_000, ports), { message: "invalid port number: 70000" });
});

test("only a run of equal answers says something; answers that say nothing break no run", (t) => {
  const thresholds = { successThreshold: 2, failureThreshold: 3 };
  const after = (...results: ("success" | "failure" | "warning" | "unknown")[]) => verdict(results.reduce<ReturnType<typeof extendStreak>>((streak, result) => extendStreak(streak, { result, output: "" }), undefined), thresholds);
  t.is(after(), undefined);
  t.is(after("success"), undefined);
  t.is(after("success", "warning"), true);
  t.is(after("failure", "failure", "unknown", "failure"), false);
  t.is(after("failure", "failure", "success", "failure"), undefined);
});
