/** Files that Kubernetes puts into containers from ConfigMaps, Secrets and the pod itself. */
import assert from "node:assert/strict";
import type { Resource } from "../../../core/api/client.ts";
import type { AnyObject } from "../../../core/api/meta.ts";
import { CONFIG_MAPS, SECRETS } from "../../../core/api/resources.gen.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { main, output, podOf, podsOf, reads, running, untilPod } from "../support/pods.ts";

interface Item {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}
interface Options {
  readonly items?: readonly Item[];
  readonly optional?: boolean;
  readonly defaultMode?: number;
}

/** One of the four ways to mount keys as files. */
interface Way {
  readonly title: string;
  readonly resource: Omit<Resource, "object">;
  readonly object: (name: string, data: Readonly<Record<string, string>>) => object;
  readonly volume: (name: string, options?: Options) => object;
}

const configMap = (name: string, data: object) => ({ metadata: { name }, data });
const secret = (name: string, data: object) => ({ metadata: { name }, stringData: data });
const projected = ({ defaultMode, ...rest }: Options, of: string, name: string) => ({ projected: { ...(defaultMode === undefined ? {} : { defaultMode }), sources: [{ [of]: { name, ...rest } }] } });
const ways = {
  configMap: { title: "[sig-storage] ConfigMap", resource: CONFIG_MAPS, object: configMap, volume: (name, options = {}) => ({ configMap: { name, ...options } }) },
  secret: { title: "[sig-storage] Secrets", resource: SECRETS, object: secret, volume: (name, options = {}) => ({ secret: { secretName: name, ...options } }) },
  projectedConfigMap: { title: "[sig-storage] Projected configMap", resource: CONFIG_MAPS, object: configMap, volume: (name, options = {}) => projected(options, "configMap", name) },
  projectedSecret: { title: "[sig-storage] Projected secret", resource: SECRETS, object: secret, volume: (name, options = {}) => projected(options, "secret", name) },
} satisfies Readonly<Record<string, Way>>;

const objects = ({ api, namespace }: Context, { resource }: Way) => api.of<AnyObject>(resource, namespace);
const show = (path: string) => `stat -L -c %a ${path}; cat ${path}; echo`;

/** One key in a volume: its mode and content as the container finds them. */
async function content(c: Context, way: Way, { options = {}, path = "data-1", spec = {} }: { readonly options?: Options; readonly path?: string; readonly spec?: object } = {}, mode = "644"): Promise<void> {
  await objects(c, way).create(way.object("source", { "data-1": "value-1", "data-2": "value-2" }));
  const log = await output(c, { spec: { ...spec, volumes: [{ name: "files", ...way.volume("source", options) }] }, container: { volumeMounts: [{ name: "files", mountPath: "/files", readOnly: true }] }, script: show(`/files/${path}`) });
  assert.equal(log, `${mode}\nvalue-${path === "data-1" ? 1 : 2}\n`);
}
const mapped = (mode?: number): { readonly options: Options; readonly path: string } => ({ options: { items: [{ key: "data-2", path: "path/to/data-2", ...(mode === undefined ? {} : { mode }) }] }, path: "path/to/data-2" });
const asUser = { spec: { securityContext: { runAsUser: 1000 } } };
const asGroup = { spec: { securityContext: { runAsUser: 1000, fsGroup: 1001 } } };

async function twoVolumes(c: Context, way: Way): Promise<void> {
  await objects(c, way).create(way.object("source", { "data-1": "value-1" }));
  const volume = way.volume("source");
  const volumeMounts = ["one", "two"].map((name) => ({ name, mountPath: `/${name}`, readOnly: true }));
  assert.equal(await output(c, { spec: { volumes: [{ name: "one", ...volume }, { name: "two", ...volume }] }, container: { volumeMounts }, script: "cat /one/data-1; echo; cat /two/data-1; echo" }), "value-1\nvalue-1\n");
}

async function updates(c: Context, way: Way): Promise<void> {
  await objects(c, way).create(way.object("source", { "data-1": "value-1" }));
  await running(c, { spec: { volumes: [{ name: "files", ...way.volume("source") }] }, container: { volumeMounts: [{ name: "files", mountPath: "/files" }] } });
  await reads(c, "pod", "/files/data-1", "value-1");
  const { data, ...change } = way.object("source", { "data-1": "value-2" }) as { readonly data?: object; readonly stringData?: object };
  await objects(c, way).patch("source", { ...(data === undefined ? {} : { data }), ...change, metadata: {} });
  await reads(c, "pod", "/files/data-1", "value-2");
}

/** One source goes, one changes, one comes. */
async function optionalUpdates(c: Context, way: Way): Promise<void> {
  await objects(c, way).create(way.object("deleted", { "data-1": "value-1" }));
  await objects(c, way).create(way.object("updated", { "data-1": "value-1" }));
  const names = ["deleted", "updated", "created"];
  const volumes = names.map((name) => ({ name, ...way.volume(name, { optional: true }) }));
  await running(c, { spec: { volumes }, container: { volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) } });
  await reads(c, "pod", "/deleted/data-1", "value-1");
  await reads(c, "pod", "/created/data-1 2> /dev/null || echo none", "none");
  await objects(c, way).delete("deleted");
  const fresh = way.object("updated", { "data-3": "value-3" });
  await objects(c, way).delete("updated");
  await objects(c, way).create(fresh);
  await objects(c, way).create(way.object("created", { "data-1": "value-1" }));
  await reads(c, "pod", "/created/data-1", "value-1");
  await reads(c, "pod", "/updated/data-3", "value-3");
  await reads(c, "pod", "/deleted/data-1 2> /dev/null || echo none", "none");
}

const both = (way: Way, multiple: string, itemMode: string) => [
  conformance(`${way.title} optional updates should be reflected in volume`, (c) => optionalUpdates(c, way)),
  conformance(`${way.title} should be consumable from pods in volume`, (c) => content(c, way)),
  conformance(`${way.title} should be consumable from pods in volume with defaultMode set`, (c) => content(c, way, { options: { defaultMode: 0o400 } }, "400")),
  conformance(`${way.title} should be consumable from pods in volume with mappings`, (c) => content(c, way, mapped())),
  conformance(`${way.title} should be consumable from pods in volume with mappings and Item ${itemMode} set`, (c) => content(c, way, mapped(0o400), "400")),
  conformance(`${way.title} should be consumable in multiple volumes in ${multiple} pod`, (c) => twoVolumes(c, way)),
];
const ofConfigMaps = (way: Way) => [
  ...both(way, "the same", "mode"),
  conformance(`${way.title} should be consumable from pods in volume as non-root`, (c) => content(c, way, asUser)),
  conformance(`${way.title} should be consumable from pods in volume with mappings as non-root`, (c) => content(c, way, { ...mapped(), ...asUser })),
  conformance(`${way.title} updates should be reflected in volume`, (c) => updates(c, way)),
];
const ofSecrets = (way: Way) => [
  ...both(way, "a", "Mode"),
  conformance(`${way.title} should be consumable from pods in volume as non-root with defaultMode and fsGroup set`, (c) => content(c, way, { options: { defaultMode: 0o440 }, ...asGroup }, "440")),
];

/** A file of the downward API, in a volume of its own or a projected one. */
const downward = (title: string, volume: (items: readonly object[], defaultMode?: number) => object) => {
  const field = (fieldPath: string, more: object = {}) => ({ path: "file", fieldRef: { fieldPath }, ...more });
  const resource = (name: string, divisor: string) => ({ path: "file", resourceFieldRef: { containerName: "main", resource: name, divisor } });
  const file = (c: Context, item: object, container: object = {}, defaultMode?: number) =>
    output(c, { spec: { volumes: [{ name: "info", ...volume([item], defaultMode) }] }, container: { volumeMounts: [{ name: "info", mountPath: "/info" }], ...container }, script: show("/info/file") });
  const resources = { requests: { cpu: "250m", memory: "32Mi" }, limits: { cpu: "1250m", memory: "64Mi" } };
  const amount = (name: string, resourceName: string, divisor: string, expected: string) =>
    conformance(`${title} should provide container's ${name}`, async (c) => assert.equal(await file(c, resource(resourceName, divisor), { resources }), `644\n${expected}\n`));
  const allocatable = (name: string, short: string, divisor: string) =>
    conformance(`${title} should provide node allocatable (${short}) as default ${short} limit if the limit is not set`, async (c) => assert.ok(Number((await file(c, resource(name, divisor))).split("\n")[1]) > 0));
  const modified = (what: "annotations" | "labels") =>
    conformance(`${title} should update ${what} on modification`, async (c) => {
      await running(c, { metadata: { [what]: { key: "value-1" } }, spec: { volumes: [{ name: "info", ...volume([field(`metadata.${what}`)]) }] }, container: { volumeMounts: [{ name: "info", mountPath: "/info" }] } });
      await reads(c, "pod", "/info/file", /key="value-1"/);
      await podsOf(c).patch("pod", { metadata: { [what]: { key: "value-2" } } });
      await reads(c, "pod", "/info/file", /key="value-2"/);
    });
  return [
    amount("cpu limit", "limits.cpu", "1m", "1250"),
    amount("cpu request", "requests.cpu", "1m", "250"),
    amount("memory limit", "limits.memory", "1Mi", "64"),
    amount("memory request", "requests.memory", "1Mi", "32"),
    allocatable("limits.cpu", "cpu", "1m"),
    allocatable("limits.memory", "memory", "1Mi"),
    conformance(`${title} should provide podname only`, async (c) => assert.equal(await file(c, field("metadata.name")), "644\npod\n")),
    conformance(`${title} should set DefaultMode on files`, async (c) => assert.equal(await file(c, field("metadata.name"), {}, 0o400), "400\npod\n")),
    conformance(`${title} should set mode on item file`, async (c) => assert.equal(await file(c, field("metadata.name", { mode: 0o400 })), "400\npod\n")),
    modified("annotations"),
    modified("labels"),
  ];
};

/** A file mounted by its path inside a volume. */
const subpath = (title: string, make: (c: Context) => Promise<object>, mountPath = "/file") =>
  conformance(`[sig-storage] Subpath Atomic writer volumes should support subpaths with ${title}`, async (c) => {
    const volume = await make(c);
    const log = await output(c, { spec: { volumes: [{ name: "files", ...volume }] }, container: { volumeMounts: [{ name: "files", mountPath, subPath: "path" }] }, script: `cat ${mountPath}; echo; test -d ${mountPath} || echo a file` });
    assert.equal(log, "subpath\na file\n");
  });
const subpathOf = (way: Way) => async (c: Context) => {
  await objects(c, way).create(way.object("source", { path: "subpath" }));
  return way.volume("source");
};

const podMode = "stat -c %a /volume; stat -f -c %T /volume; grep ' /volume ' /proc/mounts | cut -d' ' -f1,3";
/** A file that a container makes in an emptyDir with the given mode. */
const emptyDir = (user: "root" | "non-root", mode: string, medium: "default" | "tmpfs") =>
  conformance(`[sig-storage] EmptyDir volumes should support (${user},${mode},${medium})`, async (c) => {
    const spec = { volumes: [{ name: "volume", emptyDir: medium === "tmpfs" ? { medium: "Memory" } : {} }], ...(user === "root" ? {} : { securityContext: { runAsUser: 1001 } }) };
    const script = `umask 0; echo content > /volume/file; chmod ${mode} /volume/file; stat -c '%a %u' /volume/file; cat /volume/file; ${podMode}`;
    const [file = "", text, directory, , mount = ""] = (await output(c, { spec, container: { volumeMounts: [{ name: "volume", mountPath: "/volume" }] }, script })).split("\n");
    // a tmpfs has the sticky bit besides
    assert.deepEqual([file, text, directory?.slice(-3)], [`${mode.slice(1)} ${user === "root" ? 0 : 1001}`, "content", "777"]);
    assert.equal(mount === "tmpfs tmpfs", medium === "tmpfs", mount);
  });
const emptyDirMode = (title: string, medium: object, tmpfs: boolean) =>
  conformance(`[sig-storage] EmptyDir volumes volume on ${title} should have the correct mode`, async (c) => {
    const [mode, , mount = ""] = (await output(c, { spec: { volumes: [{ name: "volume", emptyDir: medium }] }, container: { volumeMounts: [{ name: "volume", mountPath: "/volume" }] }, script: podMode })).split("\n");
    assert.equal(mode?.slice(-3), "777");
    assert.equal(mount === "tmpfs tmpfs", tmpfs);
  });

/** Pods that mount many ConfigMaps at once, and rounds of them. */
const MAPS = 50;
const PODS = 5;

export const volumeTests = [
  ...ofConfigMaps(ways.configMap),
  ...ofConfigMaps(ways.projectedConfigMap),
  ...ofSecrets(ways.secret),
  ...ofSecrets(ways.projectedSecret),
  conformance("[sig-storage] ConfigMap binary data should be reflected in volume", async (c) => {
    const bytes = Buffer.from([0xde, 0xca, 0xfe, 0xba, 0xd0, 0xfe, 0xff]);
    await objects(c, ways.configMap).create({ metadata: { name: "source" }, data: { text: "value-1" }, binaryData: { dump: bytes.toString("base64") } });
    const log = await output(c, { spec: { volumes: [{ name: "files", configMap: { name: "source" } }] }, container: { volumeMounts: [{ name: "files", mountPath: "/files" }] }, script: "cat /files/text; echo; md5sum < /files/dump | cut -d' ' -f1; wc -c < /files/dump" });
    assert.deepEqual(log.split("\n").slice(0, 3), ["value-1", (await import("node:crypto")).hash("md5", bytes), "7"]);
  }),
  conformance("[sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace", async (c) => {
    await c.api.of(SECRETS, "default").create(secret(c.unique, { "data-1": "other" }));
    c.after(() => c.api.of(SECRETS, "default").delete(c.unique));
    await c.api.of(SECRETS, c.namespace).create(secret(c.unique, { "data-1": "value-1" }));
    assert.equal(await output(c, { spec: { volumes: [{ name: "files", secret: { secretName: c.unique } }] }, container: { volumeMounts: [{ name: "files", mountPath: "/files" }] }, script: "cat /files/data-1" }), "value-1");
  }),
  ...downward("[sig-storage] Downward API volume", (items, defaultMode) => ({ downwardAPI: { items, ...(defaultMode === undefined ? {} : { defaultMode }) } })),
  ...downward("[sig-storage] Projected downwardAPI", (items, defaultMode) => ({ projected: { sources: [{ downwardAPI: { items } }], ...(defaultMode === undefined ? {} : { defaultMode }) } })),
  conformance("[sig-storage] Projected combined should project all components that make up the projection API [Projection]", async (c) => {
    await objects(c, ways.configMap).create(configMap("map", { map: "from-map" }));
    await objects(c, ways.secret).create(secret("secret", { secret: "from-secret" }));
    const sources = [{ configMap: { name: "map" } }, { secret: { name: "secret" } }, { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } }, { serviceAccountToken: { path: "token", expirationSeconds: 3600 } }];
    const log = await output(c, { spec: { volumes: [{ name: "all", projected: { sources } }] }, container: { volumeMounts: [{ name: "all", mountPath: "/all" }] }, script: "cd /all; cat map; echo; cat secret; echo; cat name; echo; cut -d. -f1 token | cut -c1-2" });
    assert.equal(log, "from-map\nfrom-secret\npod\ney\n");
  }),

  subpath("configmap pod", subpathOf(ways.configMap)),
  subpath("configmap pod with mountPath of existing file", subpathOf(ways.configMap), "/etc/passwd"),
  subpath("secret pod", subpathOf(ways.secret)),
  subpath("projected pod", subpathOf(ways.projectedConfigMap)),
  conformance("[sig-storage] Subpath Atomic writer volumes should support subpaths with downward pod", async (c) => {
    const volumes = [{ name: "files", downwardAPI: { items: [{ path: "downward/podname", fieldRef: { fieldPath: "metadata.name" } }] } }];
    assert.equal(await output(c, { spec: { volumes }, container: { volumeMounts: [{ name: "files", mountPath: "/file", subPath: "downward/podname" }] }, script: "cat /file" }), "pod");
  }),

  ...(["root", "non-root"] as const).flatMap((user) => ["0644", "0666", "0777"].flatMap((mode) => (["default", "tmpfs"] as const).map((medium) => emptyDir(user, mode, medium)))),
  emptyDirMode("default medium", {}, false),
  emptyDirMode("tmpfs", { medium: "Memory" }, true),
  conformance("[sig-storage] EmptyDir volumes pod should support shared volumes between containers", async (c) => {
    const container = { volumeMounts: [{ name: "shared", mountPath: "/shared" }] };
    const spec = { volumes: [{ name: "shared", emptyDir: {} }] };
    const containers = [main("while [ ! -f /shared/file ]; do sleep 1; done; cat /shared/file", container), main("echo from the other > /shared/file", container, "other")];
    await podsOf(c).create(podOf({ containers, spec }));
    await untilPod(c, "pod", ({ status }) => status?.phase === "Succeeded", "both end");
    assert.equal((await c.api.send("GET", `${podsOf(c).path}/pod/log`, { query: { container: "main" } })).text, "from the other\n");
  }),
  conformance("[sig-storage] EmptyDir wrapper volumes should not conflict", async (c) => {
    await objects(c, ways.configMap).create(configMap("map", { a: "from-map" }));
    await objects(c, ways.secret).create(secret("secret", { a: "from-secret" }));
    const volumes = [{ name: "secret", secret: { secretName: "secret" } }, { name: "map", configMap: { name: "map" } }, { name: "empty", emptyDir: {} }];
    const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
    assert.equal(await output(c, { spec: { volumes }, container: { volumeMounts }, script: "cat /secret/a; echo; cat /map/a; echo; ls /empty | wc -l" }), "from-secret\nfrom-map\n0\n");
  }),
  conformance("[sig-storage] EmptyDir wrapper volumes should not cause race condition when used for configmaps", async (c) => {
    const names = Array.from({ length: MAPS }, (_, index) => `map-${index}`);
    for (const name of names) await objects(c, ways.configMap).create(configMap(name, { a: name }));
    const volumes = names.map((name) => ({ name, configMap: { name } }));
    const volumeMounts = names.map((name) => ({ name, mountPath: `/maps/${name}` }));
    const script = `for map in ${names.join(" ")}; do test "$(cat /maps/$map/a)" = $map || exit 1; done; echo all`;
    await Promise.all(Array.from({ length: PODS }, async (_, index) => assert.equal(await output(c, { name: `pod-${index}`, spec: { volumes }, container: { volumeMounts }, script }), "all\n")));
  }),
];
