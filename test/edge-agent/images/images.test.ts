import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { silentLog } from "../../../core/api/log.ts";
import type { AnyObject } from "../../../core/api/meta.ts";
import type { Pod, Secret } from "../../../core/api/types.gen.ts";
import { imageArchives } from "../../../edge-agent/images/archives.ts";
import { everyUnused, garbage, type GarbageInput } from "../../../edge-agent/images/garbage.ts";
import { fits, pullSecrets, registryOf } from "../../../edge-agent/images/pull-secrets.ts";
import { parseRegistries } from "../../../edge-agent/images/registries.ts";
import { hostsToml } from "../../../edge-agent/runtimes/containerd/daemon-config.ts";
import type { ImageOnDevice } from "../../../edge-agent/runtimes/runtime.ts";

const image = (id: string, sizeBytes: number, more: Partial<ImageOnDevice> = {}): ImageOnDevice => ({ id, tags: [`r/${id}:1`], digests: [], sizeBytes, pinned: false, ...more });
const input = (more: Partial<GarbageInput>): GarbageInput => ({
  images: [image("old", 30), image("new", 30), image("used", 30), image("pause", 30, { pinned: true })],
  inUse: new Set(["used"]),
  history: new Map([["old", { seen: 0, used: 100 }], ["new", { seen: 0, used: 900_000 }], ["used", { seen: 0 }], ["pause", { seen: 0 }]]),
  disk: { capacityBytes: 1000, availableBytes: 100 }, high: 85, low: 80, minAgeMs: 120_000, maxAgeMs: 0, now: 1_000_000, ...more,
});

test("a disk with room keeps every image", (t) => {
  t.deepEqual(garbage(input({ disk: { capacityBytes: 1000, availableBytes: 500 } })).remove, []);
});

test("a full disk loses what was unused longest, never what is used or pinned", (t) => {
  const { remove, wanted, found } = garbage(input({}));
  t.deepEqual(remove.map(({ id }) => id), ["old", "new"]);
  t.is(wanted, 100);
  t.is(found, 60);
  t.deepEqual(garbage(input({ disk: { capacityBytes: 1000, availableBytes: 180 }, high: 80, low: 79.5 })).remove.map(({ id }) => id), ["old"]);
});

test("what came just now stays, unless everything must go", (t) => {
  const young = input({ history: new Map([["old", { seen: 950_000 }], ["new", { seen: 950_000 }]]) });
  t.deepEqual(garbage(young).remove, []);
  t.deepEqual(everyUnused(young).map(({ id }) => id), ["old", "new"]);
});

test("a maximum age holds without any need", (t) => {
  const { remove } = garbage(input({ disk: { capacityBytes: 1000, availableBytes: 900 }, maxAgeMs: 500_000 }));
  t.deepEqual(remove.map(({ id }) => id), ["old"]);
});

const keys: readonly (readonly [string, string, boolean])[] = [
  ["https://index.docker.io/v1/", "busybox", true],
  ["docker.io", "library/busybox:1", true],
  ["registry.example.com", "registry.example.com/team/app@sha256:00", true],
  ["registry.example.com/team", "registry.example.com/team/app:1", true],
  ["registry.example.com/team", "registry.example.com/teams/app:1", false],
  ["*.example.com", "registry.example.com/app", true],
  ["*.example.com", "example.com/app", false],
  ["registry.example.com:5000", "registry.example.com:5000/app", true],
  ["registry.example.com:5000", "registry.example.com/app", false],
  ["localhost", "localhost/app", true],
];
for (const [key, reference, expected] of keys) test(`credentials of ${key} ${expected ? "fit" : "do not fit"} ${reference}`, (t) => t.is(fits(key, reference), expected));

test("the most specific credentials come first, and missing secrets are named", (t) => {
  const data = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64");
  const secrets: Readonly<Record<string, Secret>> = {
    all: { apiVersion: "v1", kind: "Secret", metadata: { name: "all" }, data: { ".dockerconfigjson": data({ auths: { "r.example": { auth: Buffer.from("wide:p:w").toString("base64") } } }) } },
    old: { apiVersion: "v1", kind: "Secret", metadata: { name: "old" }, data: { ".dockercfg": data({ "r.example/team": { username: "narrow", password: "x" }, "other.example": { username: "no", password: "no" } }) } },
  };
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: { containers: [], imagePullSecrets: [{ name: "all" }, { name: "old" }, { name: "gone" }] } };
  const found = pullSecrets(pod, "r.example/team/app", { get: (_resource, _namespace, name) => secrets[name] as AnyObject | undefined, list: () => [] });
  t.deepEqual(found, { secrets: [{ username: "narrow", password: "x" }, { username: "wide", password: "p:w" }], missing: ["gone"] });
  t.is(registryOf("r.example/team/app:1"), "r.example");
});

test("registries of a file become hosts of the runtime, their credentials the device's own", (t) => {
  const { registries, credentials } = parseRegistries({
    mirrors: { "docker.io": { endpoint: ["http://mirror.local:5000"] }, "*": { endpoint: ["https://cache.local"] } },
    configs: { "mirror.local:5000": { auth: { username: "u", password: "p" } }, "own.example": { tls: { ca_file: "/ca.pem", insecure_skip_verify: true } } },
  });
  const [docker, others, own] = registries;
  t.is(docker === undefined ? "" : hostsToml(docker), 'server = "https://registry-1.docker.io"\n[host."http://mirror.local:5000"]\n  capabilities = ["pull", "resolve"]\n');
  t.is(others?.host, "_default");
  t.is(own === undefined ? "" : hostsToml(own), 'server = "https://own.example"\n[host."https://own.example"]\n  capabilities = ["pull", "resolve"]\n  ca = "/ca.pem"\n  skip_verify = true\n');
  t.deepEqual(credentials("docker.io"), [{ username: "u", password: "p" }]);
  t.deepEqual(credentials("r.example"), []);
  t.throws(() => parseRegistries({ mirror: {} }), { message: /^mirror: there are only/ });
  t.throws(() => parseRegistries({ mirrors: { x: { endpoint: ["mirror"] } } }), { message: /^mirrors.x.endpoint\[0\]: expected http/ });
});

test("archives are imported once, again when they change or their images are gone, and complained of once", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-images-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const imported: string[] = [];
  const present = new Set<string>();
  const parts = {
    directory,
    async importImage(file: string) {
      imported.push(file.slice(directory.length + 1));
      if (file.endsWith("bad.tar")) throw new Error("no image");
      present.add("r/app:1");
      return ["r/app:1"];
    },
    present: async (reference: string) => present.has(reference), now: () => Date.now() + 10_000, log: silentLog,
  };
  await mkdir(directory, { recursive: true });
  for (const name of ["app.tar", "bad.tar", "notes.txt"]) await writeFile(join(directory, name), name);
  const first = await imageArchives(parts);
  t.true(await first.look());
  t.false(await first.look());
  t.deepEqual(imported, ["app.tar", "bad.tar"]);
  t.deepEqual([...first.references()], ["r/app:1"]);
  const next = await imageArchives(parts);
  await next.look();
  t.deepEqual(imported, ["app.tar", "bad.tar", "bad.tar"], "another agent tries the bad one again, not the good one");
  present.clear();
  await next.look();
  await utimes(join(directory, "app.tar"), 1, 1);
  await next.look();
  t.is(imported.filter((name) => name === "app.tar").length, 3);
  await rm(join(directory, "app.tar"));
  await next.look();
  t.is(next.references().size, 0);
  t.true((await readdir(directory)).includes(".imported.json"));
});
