import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { KubeObject } from "../../../core/api/meta.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { podDirectories } from "../../../edge-agent/pod-directories.ts";
import { prometheusText } from "../../../edge-agent/stats/prometheus.ts";
import { volumeMetrics, volumeUsages } from "../../../edge-agent/stats/volume-usage.ts";

test("volumes on this device are measured, each in its way; what is elsewhere or absent is left out", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "lichen-volumes-"));
  t.teardown(() => rm(dataDir, { recursive: true }));
  const directories = podDirectories(dataDir);
  const local = join(dataDir, "local");
  for (const directory of [directories.volume("u", "empty"), local]) await mkdir(directory, { recursive: true });
  await writeFile(join(directories.volume("u", "empty"), "file"), Buffer.alloc(100_000));
  const claim = (name: string, spec: object): readonly (readonly [string, KubeObject])[] => [
    [`v1/persistentvolumeclaims/${name}`, { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: {}, spec: { volumeName: `pv-${name}` }, status: { phase: "Bound" } } as KubeObject],
    [`v1/persistentvolumes/pv-${name}`, { apiVersion: "v1", kind: "PersistentVolume", metadata: {}, spec } as KubeObject],
  ];
  const known = new Map([...claim("data", { local: { path: local } }), ...claim("far", { nfs: { server: "192.0.2.1", path: "/" } })]);
  const objects = { get: (resource: string, _namespace: string, name: string) => known.get(`${resource}/${name}`) } as unknown as Parameters<typeof volumeUsages>[1]["objects"];
  const claimed = (name: string) => ({ name, persistentVolumeClaim: { claimName: name } });
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n", uid: "u" }, spec: { containers: [], volumes: [{ name: "empty", emptyDir: {} }, { name: "host", hostPath: { path: "/etc" } }, claimed("data"), claimed("far"), claimed("unbound"), { name: "gone", emptyDir: {} }] } };

  const usages = await volumeUsages(pod, { directories, objects });
  t.deepEqual(usages.map(({ name, claim: of }) => [name, of]), [["empty", undefined], ["data", "data"]]);
  t.true((usages[0]?.usedBytes ?? 0) >= 100_000 && (usages[0]?.usedBytes ?? 0) < 200_000);
  t.is(usages[1]?.usedBytes, usages[1]?.disk.usedBytes);
  const text = prometheusText(volumeMetrics(usages));
  t.deepEqual(text.match(/^kubelet_volume_stats_capacity_bytes.*$/gm)?.map((line) => line.replace(/ \d+$/, "")), ['kubelet_volume_stats_capacity_bytes{namespace="n",persistentvolumeclaim="data"}']);
});
