import { connect } from "node:http2";
import { Agent, request } from "node:https";
import test from "ava";
import { serve } from "./support/server.ts";
import type { Served } from "./support/server.ts";
import { configMap } from "./support/api.ts";
import { startHttp } from "../../core/http/server.ts";

const maps = "/api/v1/namespaces/default/configmaps";

interface Answer {
  readonly status: number;
  readonly body: string;
}

function overHttp1({ server, ca, client }: Served, method: string, path: string, { certificate = true, body = "" } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const own = certificate ? { cert: client.certificate, key: client.key } : {};
    const sent = request(`${server.url}${path}`, { method, ca, ...own, agent: false, headers: body === "" ? {} : { "content-type": "application/json" } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

test("HTTP/1.1 and HTTP/2 on one port, known by the client certificate", async (t) => {
  const served = await serve(t);
  t.is((await overHttp1(served, "POST", maps, { body: JSON.stringify(configMap("a")) })).status, 201);
  t.is((await overHttp1(served, "GET", maps, { certificate: false })).status, 403);
  t.is((await overHttp1(served, "GET", "/healthz", { certificate: false })).body, "ok");

  const session = connect(served.server.url, { ca: served.ca, cert: served.client.certificate, key: served.client.key });
  const stream = session.request({ ":path": maps });
  let text = "";
  for await (const part of stream.setEncoding("utf8")) text += part;
  t.is((JSON.parse(text) as { items: unknown[] }).items.length, 1);
  session.close();
});

test("an answer of many parts arrives whole over both protocols, whoever else reads one, and HEAD gets its length alone", async (t) => {
  const served = await serve(t);
  const sizes = [900_000, ...Array.from({ length: 20 }, (_, index) => 30_000 + 10_000 * index)];
  for (const [index, size] of sizes.entries()) {
    const made = configMap(`map-${index + 100}`);
    t.is((await overHttp1(served, "POST", maps, { body: JSON.stringify({ ...made, data: { long: `${index}`.repeat(size).slice(0, size) } }) })).status, 201);
  }
  const { body } = await overHttp1(served, "GET", maps);
  t.deepEqual((JSON.parse(body) as { items: { data: { long: string } }[] }).items.map(({ data }) => data.long.length), sizes);
  t.deepEqual(await overHttp1(served, "HEAD", "/openapi/v2"), { status: 200, body: "" });
  const session = connect(served.server.url, { ca: served.ca, cert: served.client.certificate, key: served.client.key });
  const overHttp2 = async (method: string, path: string) => {
    let text = "";
    for await (const part of session.request({ ":path": path, ":method": method }).setEncoding("utf8")) text += part;
    return text;
  };
  const [head, ...lists] = await Promise.all([
    overHttp2("HEAD", "/openapi/v2"),
    ...Array.from({ length: 4 }, () => overHttp2("GET", maps)),
    ...Array.from({ length: 4 }, async () => (await overHttp1(served, "GET", maps)).body),
  ]);
  t.is(head, "");
  for (const list of lists) t.true(list === body);
  session.close();
});

test("dot segments, escaped slashes and a foreign authority do not reach another path", async (t) => {
  const served = await serve(t);
  for (const path of ["/healthz/../api/v1/nodes", "/api/v1/%2e%2e/v1/nodes", "/api//v1/nodes", "/api/v1/nodes%2fx"]) {
    const session = connect(served.server.url, { ca: served.ca, cert: served.client.certificate, key: served.client.key });
    const stream = session.request({ ":path": path });
    const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    t.is(status, 404, path);
    session.destroy();
  }
});

test("closing ends the watches of both protocols", async (t) => {
  const served = await serve(t);
  const session = connect(served.server.url, { ca: served.ca, cert: served.client.certificate, key: served.client.key });
  const stream = session.request({ ":path": `${maps}?watch=1` });
  await new Promise((resolve) => stream.on("response", resolve));
  const first = new Promise((resolve) => {
    const sent = request(`${served.server.url}${maps}?watch=1`, { ca: served.ca, cert: served.client.certificate, key: served.client.key, agent: false }, (response) => {
      response.resume().on("close", resolve);
      void served.server.close();
    });
    sent.end();
  });
  stream.resume();
  await new Promise((resolve) => stream.on("close", resolve));
  await first;
  await served.server.close();
  t.pass();
});

test("closing does not wait for idle connections that a client keeps", async (t) => {
  const served = await serve(t);
  const agent = new Agent({ keepAlive: true, ca: served.ca, cert: served.client.certificate, key: served.client.key });
  const ended = new Promise<void>((resolve, reject) => {
    const sent = request(`${served.server.url}${maps}?watch=1`, { agent }, (response) => {
      response.resume().on("end", resolve);
      void served.server.close().then(() => agent.destroy());
    });
    sent.on("error", reject);
    sent.end();
  });
  await ended;
  await served.server.close();
  t.is(Object.keys(agent.sockets).length, 0);
});

test("a used port is named, with the flag that chooses another", async (t) => {
  const { server, api, ca, client } = await serve(t);
  const tls = { cert: client.certificate, key: client.key, clientCa: ca };
  await t.throwsAsync(startHttp({ ...api.services, tls, host: "127.0.0.1", port: server.port }), { message: new RegExp(`port ${server.port} is already in use.*--port`) });
});
