/** Probes: what restarts a container, what only takes it out of service, and what leaves it alone. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { eventually } from "../../support/eventually.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { exec, isReady, main, podOf, podsOf, statusOf, untilPod, WAIT } from "../support/pods.ts";

/** Successful probes in a row after which a container counts as left alone. */
const ENOUGH = 6;
const often = { periodSeconds: 1, initialDelaySeconds: 1, failureThreshold: 1, timeoutSeconds: 5 };
/** The HTTP server of the pod: /healthz is a script, so that it can count and fail. */
const httpServer = (healthz: string) => `mkdir -p /tmp/www/cgi-bin; printf '#!/bin/sh\\n${healthz}\\n' > /tmp/www/cgi-bin/healthz; chmod +x /tmp/www/cgi-bin/healthz; exec httpd -f -p 8080 -h /tmp/www`;
const answer = (status: string) => `echo x >> /tmp/count; printf "Status: ${status}\\\\r\\\\n\\\\r\\\\n"`;
const httpGet = { httpGet: { path: "/cgi-bin/healthz", port: 8080 }, ...often };

const restarts = (c: Context, count = 1) => untilPod(c, "pod", (pod) => (statusOf(pod)?.restartCount ?? 0) >= count, `${count} restarts`);

/** The container is probed again and again and stays the same. */
async function leftAlone(c: Context, probes: () => Promise<number>): Promise<void> {
  const { metadata } = await untilPod(c, "pod", isReady, "it is ready");
  await eventually("enough probes", async () => (await probes()) >= ENOUGH);
  const pod = await podsOf(c).get("pod");
  assert.deepEqual([metadata.uid, statusOf(pod)?.restartCount], [pod.metadata.uid, 0]);
}
const counted = (c: Context) => async () => Number(await exec(c, "pod", "wc -l < /tmp/count 2> /dev/null || echo 0"));

/** A gRPC health service (grpc.health.v1) on the node's network, in this process. */
async function grpcHealth(c: Context, serving: () => boolean): Promise<{ readonly port: number; readonly probes: () => number }> {
  let probes = 0;
  const server: Http2Server = createServer();
  server.on("stream", (stream, headers: IncomingHttpHeaders) => {
    assert.equal(headers[":path"], "/grpc.health.v1.Health/Check");
    probes++;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    // length-prefixed HealthCheckResponse{status: SERVING=1 | NOT_SERVING=2}
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving() ? 1 : 2]));
    stream.resume();
  });
  await new Promise<void>((listening) => void server.listen(0, "0.0.0.0", listening));
  c.after(() => void server.close());
  return { port: (server.address() as AddressInfo).port, probes: () => probes };
}
const create = (c: Context, wish: Parameters<typeof podOf>[0]) => podsOf(c).create(podOf({ ...wish, spec: { restartPolicy: "Always", ...wish.spec } }));

export const probeTests = [
  conformance("[sig-node] Probing container should *not* be restarted with a /healthz http liveness probe", async (c) => {
    await create(c, { script: httpServer(answer("200 OK")), container: { livenessProbe: httpGet } });
    await leftAlone(c, counted(c));
  }),
  conformance("[sig-node] Probing container should *not* be restarted with a GRPC liveness probe", async (c) => {
    const health = await grpcHealth(c, () => true);
    await create(c, { spec: { hostNetwork: true }, container: { livenessProbe: { grpc: { port: health.port }, ...often } } });
    await leftAlone(c, async () => health.probes());
  }),
  conformance('[sig-node] Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe', async (c) => {
    await create(c, { script: `echo ok > /tmp/health; ${WAIT}`, container: { livenessProbe: { exec: { command: ["sh", "-c", "cat /tmp/health && echo x >> /tmp/count"] }, ...often } } });
    await leftAlone(c, counted(c));
  }),
  conformance("[sig-node] Probing container should *not* be restarted with a tcp:8080 liveness probe", async (c) => {
    await create(c, { script: "while true; do nc -l -p 8080 < /dev/null > /dev/null; echo x >> /tmp/count; done", container: { livenessProbe: { tcpSocket: { port: 8080 }, ...often, failureThreshold: 3 } } });
    await leftAlone(c, counted(c));
  }),
  conformance("[sig-node] Probing container should be restarted with a /healthz http liveness probe", async (c) => {
    await create(c, { script: httpServer(answer("500 Broken")), container: { livenessProbe: httpGet } });
    await restarts(c);
  }),
  conformance("[sig-node] Probing container should be restarted with a GRPC liveness probe", async (c) => {
    const health = await grpcHealth(c, () => health.probes() < 3);
    await create(c, { spec: { hostNetwork: true }, container: { livenessProbe: { grpc: { port: health.port }, ...often } } });
    await restarts(c);
  }),
  conformance('[sig-node] Probing container should be restarted with a exec "cat /tmp/health" liveness probe', async (c) => {
    await create(c, { script: `echo ok > /tmp/health; sleep 3; rm /tmp/health; ${WAIT}`, container: { livenessProbe: { exec: { command: ["cat", "/tmp/health"] }, ...often } } });
    const pod = await restarts(c);
    assert.equal(pod.status?.phase, "Running");
  }),
  conformance("[sig-node] Probing container should have monotonically increasing restart count", async (c) => {
    await create(c, { script: WAIT, container: { livenessProbe: { exec: { command: ["false"] }, ...often } } });
    const seen: number[] = [];
    await untilPod(c, "pod", (pod) => {
      const count = statusOf(pod)?.restartCount ?? 0;
      if (seen.at(-1) !== count) seen.push(count);
      return count >= 3;
    }, "three restarts");
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  }),
  conformance("[sig-node] Probing container with readiness probe should not be ready before initial delay and never restart", async (c) => {
    const delay = 5;
    await create(c, { container: { readinessProbe: { exec: { command: ["true"] }, initialDelaySeconds: delay, periodSeconds: 1 } } });
    const pod = await untilPod(c, "pod", isReady, "it is ready");
    const readySince = Date.parse(pod.status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime ?? "");
    const startedAt = Date.parse(statusOf(pod)?.state?.running?.startedAt ?? "");
    // both are whole seconds
    assert.ok(readySince - startedAt >= (delay - 1) * 1000, `${readySince - startedAt} ms`);
    assert.equal(statusOf(pod)?.restartCount, 0);
  }),
  conformance("[sig-node] Probing container with readiness probe that fails should never be ready and never restart", async (c) => {
    await create(c, { containers: [main(WAIT, { readinessProbe: { exec: { command: ["sh", "-c", "echo x >> /tmp/count; false"] }, periodSeconds: 1 } })] });
    const watch = await podsOf(c).watch({ fieldSelector: "metadata.name=pod" });
    await untilPod(c, "pod", (pod) => statusOf(pod)?.state?.running !== undefined, "it runs");
    await eventually("enough probes", async () => (await counted(c)()) >= ENOUGH);
    const after = await podsOf(c).patch("pod", { metadata: { labels: { end: "true" } } });
    for (;;) {
      const { object } = await watch.next();
      assert.ok(!isReady(object), "it was ready once");
      if (object.metadata.resourceVersion === after.metadata.resourceVersion) break;
    }
    watch.close();
    assert.equal(statusOf(after)?.restartCount, 0);
  }),
];
