/** The whole way over real sockets: join token → certificate → MQTT over mTLS → hub → registry, and back out again. */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Client } from "../../core/api/client.ts";
import { systemClock } from "../../core/api/clock.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import { silentLog } from "../../core/api/log.ts";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import { CHANNEL } from "../../core/api/streams.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { embeddedBroker } from "../../core/hub/broker.ts";
import { deviceRecords } from "../../core/hub/device-records.ts";
import { enrollment } from "../../core/hub/enrollment.ts";
import type { Enrollment } from "../../core/hub/enrollment.ts";
import { acceptStreams } from "../../core/wire/accept-streams.ts";
import type { Down } from "../../core/wire/messages.ts";
import { mqttDevice } from "../../core/wire/mqtt-device.ts";
import { deviceSession } from "../../core/wire/session.ts";
import { certificateRequest } from "../../edge-agent/identity/csr.ts";
import { nodeStatus, plane, podOn } from "./plane.ts";

test("a device joins, runs its pods, is reached by streams, renews, and is out when its node is deleted", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-story-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const pki = await openPki(directory);
  const serving = await pki.serving(["localhost"]);
  const late: { enrollment?: Enrollment; client?: Client } = {};
  const { promise: refused, resolve: onRefused } = Promise.withResolvers<unknown>();
  const broker = await embeddedBroker({
    port: 0,
    host: "127.0.0.1",
    tls: { ca: pki.caCertificate, cert: serving.certificate, key: serving.key },
    refuse: async (node, certificate) => late.enrollment?.refuse(node, certificate),
    log: { ...silentLog, warn: ({ reason }) => onRefused(reason) },
  });
  t.teardown(() => broker.close());
  const { admin, clock, hub } = await plane(t, {
    control: broker.control,
    streams: broker.streams,
    renew: async (node, csr) => late.enrollment?.renew(node, csr) ?? "",
    forget: async (node) => late.enrollment?.forget(node),
  });
  late.enrollment = enrollment({
    checkToken: async () => ({ id: "abc", spend: async () => {} }),
    signCsr: pki.signCsr,
    records: deviceRecords(admin),
    client: admin,
    ca: pki.caCertificate,
    mqttUrls: () => [`mqtts://localhost:${broker.port}`],
    moduleKeys: [],
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  });

  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const response = await late.enrollment.handle(
    new Request("https://x/lichen/v1/enroll", { method: "POST", body: JSON.stringify({ token: "t", csr: certificateRequest(key, "dev1"), name: "dev1" }) }),
  );
  const identity = (await response.json()) as { certificate: string; ca: string; mqtt: string[] };
  let tls = { ca: identity.ca, cert: identity.certificate, key: key.export({ type: "pkcs8", format: "pem" }).toString() };
  const parts = { urls: identity.mqtt, tls: () => tls, node: "dev1", clock: systemClock, entropy: { ...systemEntropy, fraction: () => 0.01 }, log: silentLog };
  const link = mqttDevice(parts);
  const second = mqttDevice({ ...parts, channel: "streams" });
  t.teardown(async () => {
    await link.close();
    await second.close();
  });
  acceptStreams(second, (request) => async (stream) => {
    await stream.send({ channel: CHANNEL.stdout, data: Buffer.from(`log of ${request.type === "log" ? request.pod : "nothing"}`), end: true });
    stream.close();
  });
  const session = deviceSession({ link, clock: systemClock, entropy: systemEntropy, log: silentLog });
  const told: Down[] = [];
  const states: boolean[] = [];
  link.onConnected((connected) => states.push(connected));
  session.onMessage((body) => told.push(body));
  session.onStart(() => {
    session.send({ type: "hello", instance: "i", agentVersion: "1", have: [] }).catch(() => {});
    session.send({ type: "observed", full: true, pods: [], events: [], node: { labels: {}, status: nodeStatus() } }).catch(() => {});
  });

  await clock.until(() => told.some(({ type }) => type === "accepted"));
  t.is((await admin.get(NODES, { name: "dev1" })).status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
  const pod = await admin.create(PODS, podOn("dev1", "web"));
  await clock.until(() => told.some((body) => body.type === "desired" && body.put.some(({ metadata }) => metadata.uid === pod.metadata.uid)));

  const opening = hub().streams.open("dev1", { type: "log", namespace: "default", pod: "web", uid: "", container: "main" }, new AbortController().signal);
  const stream = await opening;
  const parted: string[] = [];
  for await (const frame of stream.frames) parted.push(Buffer.from(frame.data).toString());
  t.deepEqual(parted, ["log of web"]);

  const next = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  await session.send({ type: "renew", csr: certificateRequest(next, "dev1") });
  await clock.until(() => told.some(({ type }) => type === "certificate"));
  const renewed = told.find((body) => body.type === "certificate");
  const pem = renewed?.type === "certificate" ? renewed.pem : "";
  t.true(new X509Certificate(pem).checkPrivateKey(createPrivateKey(next.export({ type: "pkcs8", format: "pem" }))));
  tls = { ...tls, cert: pem, key: next.export({ type: "pkcs8", format: "pem" }).toString() };

  await admin.delete(NODES, { name: "dev1" });
  await clock.until(() => states.includes(false));
  t.is(await refused, "the device is not enrolled, or its node was deleted");
  await t.throwsAsync(admin.get(NODES, { name: "dev1" }), { message: /not found/ });
});
