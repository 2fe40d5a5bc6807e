/** From claims to places, and what is said when there is none. */
import test from "ava";
import type { AnyObject } from "../../../core/api/meta.ts";
import { placeOfVolume } from "../../../edge-agent/volumes/claims.ts";
import { pod } from "../support/pods.ts";

const objects = (...all: readonly (readonly [string, object])[]) => {
  const byKey = new Map(all);
  return { get: (resource: string, _namespace: string, name: string) => byKey.get(`${resource} ${name}`) as AnyObject | undefined, list: () => [] };
};
const claim = (volumeName: string, phase = "Bound") => ["v1/persistentvolumeclaims data", { spec: { volumeName }, status: { phase } }] as const;
const volume = { name: "d", persistentVolumeClaim: { claimName: "data" } };
const why = (text: string) => ({ message: `Unable to attach or mount volumes: unmounted volumes=[d], unattached volumes=[], failed to process volumes=[d]: error processing PVC default/data: ${text}` });

test("a bound claim leads to its volume's place", (t) => {
  const web = pod("web");
  t.like(placeOfVolume(objects(claim("pv"), ["v1/persistentvolumes pv", { spec: { local: { path: "/mnt/disk" } } }]), web, volume), { local: { path: "/mnt/disk" }, readOnly: false });
  t.like(placeOfVolume(objects(claim("pv"), ["v1/persistentvolumes pv", { spec: { nfs: { server: "s", path: "/x", readOnly: true }, mountOptions: ["vers=4"] } }]), web, volume), { nfs: { server: "s" }, mountOptions: ["vers=4"], readOnly: true });
  const made = objects(["v1/persistentvolumeclaims web-d", { spec: { volumeName: "pv" }, status: { phase: "Bound" } }], ["v1/persistentvolumes pv", { spec: { hostPath: { path: "/h" } } }]);
  t.like(placeOfVolume(made, web, { name: "d", ephemeral: {} }), { hostPath: { path: "/h" } });
  t.is(placeOfVolume(objects(), web, { name: "d", emptyDir: {} }), undefined);
});

test("a claim that leads nowhere says why", (t) => {
  const web = pod("web");
  t.throws(() => placeOfVolume(objects(), web, volume), why('failed to fetch PVC from API server: persistentvolumeclaims "data" not found'));
  t.throws(() => placeOfVolume(objects(claim("", "Pending")), web, volume), why("PVC is not bound"));
  t.throws(() => placeOfVolume(objects(claim("pv")), web, volume), why('failed to fetch PV pv from API server: persistentvolumes "pv" not found'));
  t.throws(() => placeOfVolume(objects(claim("pv"), ["v1/persistentvolumes pv", { spec: { csi: {} } }]), web, volume), why("this device cannot mount volumes like pv: only hostPath, local and nfs"));
});
