import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { silentLog } from "../../../core/api/log.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { deviceAllocator } from "../../../edge-agent/devices/allocator.ts";
import { boardDevices } from "../../../edge-agent/devices/board-devices.ts";
import { grpcServer } from "../../../edge-agent/devices/grpc-server.ts";
import { messages, PATHS } from "../../../edge-agent/devices/messages.ts";
import { devicePlugins } from "../../../edge-agent/devices/plugins.ts";
import { grpcChannel } from "../../../edge-agent/runtimes/containerd/grpc.ts";
import { protobuf } from "../../../edge-agent/runtimes/containerd/protobuf.ts";
import { eventually } from "../../support/eventually.ts";

const codec = protobuf(messages);
/** the sockets of a client do not keep a process alive */
const alive = setInterval(() => {}, 1 << 30);
test.after.always(() => clearInterval(alive));

async function directory(t: ExecutionContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "lichen-devices-"));
  t.teardown(() => rm(made, { recursive: true, force: true }));
  return made;
}

function pod(uid: string, limits: Readonly<Record<string, string>>): [Pod, { name: string; resources: { limits: Readonly<Record<string, string>> } }] {
  const container = { name: "main", resources: { limits } };
  return [{ apiVersion: "v1", kind: "Pod", metadata: { name: uid, namespace: "n", uid }, spec: { containers: [container] } }, container];
}

async function board(t: ExecutionContext) {
  const root = await directory(t);
  await mkdir(join(root, "dev"));
  for (const name of ["gpiochip0", "i2c-1", "i2c-10", "i2c-2", "spidev0.0", "ttyAMA0", "ttyS0", "null"]) await writeFile(join(root, "dev", name), "");
  const found = boardDevices(root);
  await found.look();
  return { root, found };
}

test("a board offers what is on its pins, and sees what is plugged in", async (t) => {
  const { root, found } = await board(t);
  const allocator = await deviceAllocator({ file: join(root, "note.json"), sources: [found] });
  t.deepEqual(allocator.counts(), { "lichen.dev/gpiochip": 1, "lichen.dev/i2c": 3, "lichen.dev/spi": 1, "lichen.dev/uart": 1 });
  await writeFile(join(root, "dev", "ttyUSB0"), "");
  t.true(await found.look());
  t.false(await found.look());
  t.is(allocator.counts()["lichen.dev/uart"], 2);
});

test("no device goes to two containers, each keeps its own, and what a pod leaves is free", async (t) => {
  const { root, found } = await board(t);
  const file = join(root, "note.json");
  const allocator = await deviceAllocator({ file, sources: [found] });
  const [first, second] = await Promise.all([allocator.allocate(...pod("a", { "lichen.dev/i2c": "2", cpu: "1" })), allocator.allocate(...pod("b", { "lichen.dev/i2c": "1" }))]);
  t.deepEqual(first.nodes.map(({ containerPath }) => containerPath), ["/dev/i2c-1", "/dev/i2c-2"]);
  t.deepEqual(second.nodes, [{ containerPath: "/dev/i2c-10", hostPath: join(root, "dev/i2c-10"), permissions: "rw" }]);
  await t.throwsAsync(allocator.allocate(...pod("c", { "lichen.dev/i2c": "1" })), { message: "requested number of devices unavailable for lichen.dev/i2c. Requested: 1, Available: 0" });
  const restarted = await deviceAllocator({ file, sources: [found] });
  t.deepEqual(await restarted.allocate(...pod("b", { "lichen.dev/i2c": "1" })), second);
  await restarted.keepOnly(new Set(["b"]));
  t.is((await restarted.allocate(...pod("c", { "lichen.dev/i2c": "1" }))).nodes[0]?.containerPath, "/dev/i2c-1");
});

test("a plugin registers, tells its devices, gives them out, and is gone when it ends", async (t) => {
  const at = await directory(t);
  const plugins = await devicePlugins({ directory: at, log: silentLog });
  t.teardown(() => plugins.close());
  const told = Promise.withResolvers<void>();
  const asked: unknown[] = [];
  const plugin = await grpcServer(join(at, "coffee.sock"), {
    async *[PATHS.watch]() {
      yield codec.encode("ListAndWatchResponse", { devices: [{ ID: "one", health: "Healthy" }, { ID: "two", health: "Unhealthy" }] });
      await told.promise;
      yield codec.encode("ListAndWatchResponse", { devices: [{ ID: "one", health: "Healthy" }, { ID: "two", health: "Healthy" }] });
      await new Promise(() => {});
    },
    async [PATHS.allocate](request) {
      asked.push(codec.decode("AllocateRequest", request));
      return codec.encode("AllocateResponse", { container_responses: [{ envs: { CUPS: "2" }, devices: [{ container_path: "/dev/mug", host_path: "/dev/null", permissions: "r" }], mounts: [{ container_path: "/m", host_path: "/h", read_only: true }] }] });
    },
  });
  const client = grpcChannel(join(at, "kubelet.sock"));
  const register = (more: object) => client.unary(PATHS.register, codec.encode("RegisterRequest", { version: "v1beta1", endpoint: "coffee.sock", resource_name: "example.com/coffee", ...more }), { timeoutMs: 5_000 });
  await t.throwsAsync(register({ version: "v1" }), { message: /only v1beta1/ });
  await t.throwsAsync(register({ resource_name: "kubernetes.io/coffee" }), { message: /outside kubernetes.io/ });
  await t.throwsAsync(register({ endpoint: "../../run/other.sock" }), { message: /no socket file/ });
  await register({});
  const allocator = await deviceAllocator({ file: join(at, "note.json"), sources: [plugins] });
  await eventually("one device is healthy", () => allocator.counts()["example.com/coffee"] === 1);
  told.resolve();
  await eventually("both are", () => allocator.counts()["example.com/coffee"] === 2);
  const grant = await allocator.allocate(...pod("p", { "example.com/coffee": "2" }));
  t.deepEqual(asked, [{ container_requests: [{ devices_ids: ["one", "two"] }] }]);
  t.deepEqual(grant, { nodes: [{ containerPath: "/dev/mug", hostPath: "/dev/null", permissions: "r" }], mounts: [{ containerPath: "/m", hostPath: "/h", readOnly: true }], env: [{ name: "CUPS", value: "2" }], annotations: {} });
  await plugin.close();
  await eventually("nothing is offered any more", () => allocator.counts()["example.com/coffee"] === undefined);
  client.close();
});
