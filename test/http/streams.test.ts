import { request } from "node:https";
import type { Duplex } from "node:stream";
import test from "ava";
import { WebSocket } from "ws";
import { ApiError } from "../../core/api/status.ts";
import { CHANNEL } from "../../core/api/streams.ts";
import type { Frame } from "../../core/api/streams.ts";
import { openApi } from "./support/api.ts";
import { echo, fakeDevice } from "./support/device.ts";
import type { Answer } from "./support/device.ts";
import { headerWriter, spdyFrame, synStream } from "./support/spdy-client.ts";
import { boundPod, serve } from "./support/server.ts";
import type { Served } from "./support/server.ts";

const pod = "/api/v1/namespaces/default/pods/p";

const saying = (...texts: string[]): Answer =>
  async function* () {
    for (const text of texts) yield { channel: CHANNEL.stdout, data: Buffer.from(text) };
  };

test("logs: bytes as they come, options checked, containers chosen", async (t) => {
  const device = fakeDevice(saying("one\n", "two\n"));
  const api = await openApi({ streams: device });
  await boundPod(api, "p");
  const log = async (query: string) => await api.send("GET", `${pod}/log?${query}`);
  const response = await log("container=main&tailLines=5&timestamps=true");
  t.is(response.headers.get("content-type"), "text/plain");
  t.is(await response.text(), "one\ntwo\n");
  t.like(device.requests[0], { type: "log", pod: "p", container: "main", tailLines: 5, timestamps: true });
  t.is(await (await log("container=main&limitBytes=5")).text(), "one\nt");
  const rows: [query: string, status: number, message: RegExp][] = [
    ["", 400, /a container name must be specified for pod p, choose one of: \[main other\]/],
    ["container=x", 400, /container x is not valid for pod p/],
    ["container=main&tailLines=-1", 422, /PodLogOptions \\"p\\" is invalid: tailLines: Invalid value: -1/],
    ["container=main&sinceSeconds=1&sinceTime=2030-01-01T00:00:00Z", 422, /at most one of/],
    ["container=main&limitBytes=0", 422, /must be greater than 0/],
    ["container=main&sinceTime=yesterday", 400, /parsing time/],
  ];
  for (const [query, status, message] of rows) {
    const wrong = await log(query);
    t.is(wrong.status, status, query);
    t.regex(await wrong.text(), message, query);
  }
  t.is((await api.send("GET", `${pod.replace("/p", "/none")}/log`)).status, 404);
  t.is((await api.send("GET", `${pod}/log?container=main`, { headers: { authorization: "Bearer jane" } })).status, 403);
});

test("logs: a device that fails before its first byte gives a status code", async (t) => {
  const offline: AsyncIterable<Frame> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new ApiError("ServiceUnavailable", "device is offline")) }),
  };
  const device = fakeDevice(() => offline);
  const api = await openApi({ streams: device });
  await boundPod(api, "p");
  const response = await api.send("GET", `${pod}/log?container=main`);
  t.is(response.status, 503);
  t.regex(await response.text(), /device is offline/);
  t.is((await (await openApi()).send("GET", `${pod}/log`)).status, 404);
});

interface Opened {
  readonly socket: WebSocket;
  readonly messages: { readonly channel: number; readonly text: string }[];
  readonly closed: Promise<void>;
}

function websocket({ server, ca, client }: Served, path: string, protocols: string[]): Promise<Opened> {
  const socket = new WebSocket(`${server.url.replace("https", "wss")}${path}`, protocols, { ca, ...(client.key === "" ? {} : { cert: client.certificate, key: client.key }) });
  const messages: { channel: number; text: string }[] = [];
  socket.on("message", (data: Buffer) => messages.push({ channel: data[0] ?? -1, text: data.subarray(1).toString() }));
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve({ socket, messages, closed }));
    socket.on("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (part: Buffer) => (text += part.toString()));
      response.on("end", () => reject(new Error(`${response.statusCode} ${text}`)));
    });
    socket.on("error", reject);
  });
}

const join = (messages: Opened["messages"], channel: number) => messages.filter((each) => each.channel === channel).map((each) => each.text).join("");

test("exec over WebSocket v5: stdin, its half-close, terminal size, and the status at the end", async (t) => {
  const device = fakeDevice(echo);
  const served = await serve(t, { streams: device });
  await boundPod(served.api, "p");
  const { socket, messages, closed } = await websocket(served, `${pod}/exec?command=cat&command=-u&container=main&stdin=true&stdout=true`, ["v5.channel.k8s.io"]);
  t.is(socket.protocol, "v5.channel.k8s.io");
  socket.send(Buffer.from("\u0000hello"));
  socket.send(Buffer.concat([Uint8Array.of(CHANNEL.resize), Buffer.from('{"Width":80}')]));
  socket.send(Uint8Array.of(255, CHANNEL.stdin));
  await closed;
  t.is(join(messages, CHANNEL.stdout), 'helloresized {"Width":80}');
  t.like(JSON.parse(join(messages, CHANNEL.error)), { status: "Success" });
  t.like(device.requests[0], { type: "exec", command: ["cat", "-u"], container: "main", stdin: true, stdout: true, stderr: false, tty: false });
});

test("exec over the base64 protocol, and a command that fails", async (t) => {
  const failure = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason: "NonZeroExitCode", message: "command terminated with exit code 3", code: 500 };
  const device = fakeDevice(async function* () {
    yield { channel: CHANNEL.stdout, data: Buffer.from("out") };
    yield { channel: CHANNEL.error, data: Buffer.from(JSON.stringify(failure)) };
  });
  const served = await serve(t, { streams: device });
  await boundPod(served.api, "p");
  const { messages, closed } = await websocket(served, `${pod}/exec?command=x&container=main&stdout=true`, ["v4.base64.channel.k8s.io"]);
  await closed;
  const decoded = (channel: string) => messages.filter((each) => each.channel === channel.charCodeAt(0)).map((each) => Buffer.from(each.text, "base64").toString()).join("");
  t.is(decoded("1"), "out");
  t.like(JSON.parse(decoded("3")), { status: "Failure", message: "command terminated with exit code 3" });
  const old = await websocket(served, `${pod}/exec?command=x&container=main&stdout=true`, ["channel.k8s.io"]);
  await old.closed;
  t.is(join(old.messages, CHANNEL.error), "command terminated with exit code 3");
});

test("an upgrade is refused before anything switches", async (t) => {
  const served = await serve(t, { streams: fakeDevice(echo) });
  await boundPod(served.api, "p");
  const refused = async (path: string, protocols: string[], message: RegExp, as = served) => {
    await t.throwsAsync(websocket(as, path, protocols), { message }, path);
  };
  await refused(`${pod}/exec?container=main&stdout=true`, ["v5.channel.k8s.io"], /^400 .*you must specify a command/s);
  await refused(`${pod}/exec?command=x&container=main`, ["v5.channel.k8s.io"], /^400 .*at least one of stdin/s);
  await refused(`${pod}/exec?command=x&container=none&stdout=1`, ["v5.channel.k8s.io"], /^400 .*not valid for pod/s);
  await refused(`${pod}/exec?command=x&container=main&stdout=1`, ["v9.channel.k8s.io"], /^400 .*none of the offered/s);
  await refused(`${pod.replace("/p", "/none")}/exec?command=x&stdout=1`, ["v5.channel.k8s.io"], /^404 /);
  const jane = `base64url.bearer.authorization.k8s.io.${Buffer.from("jane").toString("base64url")}`;
  const uncertified = { ...served, client: { certificate: "", key: "" } };
  await refused(`${pod}/exec?command=x&stdout=1`, ["v5.channel.k8s.io", jane], /^403 .*jane/s, uncertified);
});

test("port-forward over the channels of old clients: the port first, then bytes", async (t) => {
  const device = fakeDevice(async function* (input) {
    for await (const frame of input) {
      yield { channel: CHANNEL.stdout, data: Buffer.concat([Buffer.from("you said "), frame.data]) };
      return;
    }
  });
  const served = await serve(t, { streams: device });
  await boundPod(served.api, "p");
  const { socket, messages, closed } = await websocket(served, `${pod}/portforward?ports=80`, ["v4.channel.k8s.io"]);
  socket.send(Buffer.from("\u0000hello"));
  await closed;
  t.is(join(messages, 0), "P\u0000you said hello");
  t.is(join(messages, 1), "P\u0000");
  t.like(device.requests[0], { type: "portforward", pod: "p", port: 80 });
});

test("port-forward through the SPDY tunnel", async (t) => {
  const device = fakeDevice(async function* (input) {
    for await (const frame of input) if (frame.data.length > 0) yield { channel: CHANNEL.stdout, data: frame.data };
  });
  const served = await serve(t, { streams: device });
  await boundPod(served.api, "p");
  const socket = await rawWebSocket(served, `${pod}/portforward`, "SPDY/3.1+portforward.k8s.io");
  const header = headerWriter();
  socket.write(masked(synStream(1, await header({ streamtype: "error", port: "80", requestid: "0" }))));
  socket.write(masked(synStream(3, await header({ streamtype: "data", port: "80", requestid: "0" }))));
  socket.write(masked(spdyFrame("data", 0, Buffer.from("ping over the tunnel"), 3)));
  let received = Buffer.alloc(0);
  for await (const part of socket) {
    received = Buffer.concat([received, part as Buffer]);
    if (received.includes("ping over the tunnel")) break;
  }
  t.true(received.includes(spdyFrame("data", 0, Buffer.from("ping over the tunnel"), 3)));
});

/** ws, as a client, refuses protocol names with a slash. */
function rawWebSocket({ server, ca, client }: Served, path: string, protocol: string): Promise<Duplex> {
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-protocol": protocol };
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}${path}`, { ca, cert: client.certificate, key: client.key, agent: false, headers });
    sent.on("upgrade", (response, socket) => (response.headers["sec-websocket-protocol"] === protocol ? resolve(socket) : reject(new Error("another protocol"))));
    sent.on("response", (response) => reject(new Error(String(response.statusCode))));
    sent.on("error", reject);
    sent.end();
  });
}

/** A binary message of a client, masked with zeros (RFC 6455, 5.3). */
function masked(data: Buffer): Buffer {
  const head = Buffer.from([0x82, 0x80 | 126, data.length >> 8, data.length & 0xff, 0, 0, 0, 0]);
  return data.length < 126 ? Buffer.from([0x82, 0x80 | data.length, 0, 0, 0, 0, ...data]) : Buffer.concat([head, data]);
}

test("a watch and a log over WebSocket", async (t) => {
  const served = await serve(t, { streams: fakeDevice(saying("line\n")) });
  await boundPod(served.api, "p");
  const watched = await websocket(served, "/api/v1/namespaces/default/pods?watch=1", []);
  await new Promise<void>((resolve) => (watched.messages.length > 0 ? resolve() : watched.socket.once("message", () => resolve())));
  t.regex(watched.messages[0]?.text ?? "", /"type":"ADDED"/);
  watched.socket.close();
  const log = await websocket(served, `${pod}/log?container=main`, ["binary.k8s.io"]);
  await log.closed;
  t.is(log.messages.map((each) => String.fromCharCode(each.channel) + each.text).join(""), "line\n");
});

test("an Upgrade header elsewhere changes nothing", async (t) => {
  const served = await serve(t);
  const status = await new Promise((resolve, reject) => {
    const sent = request(`${served.server.url}/version`, { ca: served.ca, agent: false, headers: { connection: "Upgrade", upgrade: "websocket" } }, (response) => resolve(response.resume().statusCode));
    sent.on("error", reject);
    sent.end();
  });
  t.is(status, 200);
});
