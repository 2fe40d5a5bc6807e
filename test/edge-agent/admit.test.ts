import test from "ava";
import { refusal } from "../../edge-agent/admit.ts";
import { container, pod } from "./support/pods.ts";

const room = { allocatable: { cpu: "2", memory: "1Gi", "example.com/camera": "1" }, others: [] };
const asking = (resource: string, amount: string) => pod("p", { containers: [container("main", { resources: { limits: { [resource]: amount }, requests: { [resource]: amount } } })] });

test("what nobody offers here is counted by others; what is offered is limited", (t) => {
  t.is(refusal(asking("example.com/elsewhere", "1"), room), undefined);
  t.is(refusal(asking("example.com/camera", "1"), room), undefined);
  t.is(refusal(asking("example.com/camera", "2"), room)?.reason, "OutOfexample.com/camera");
  t.is(refusal(asking("hugepages-2Mi", "2Mi"), room)?.reason, "OutOfhugepages-2Mi");
});

test("what kernel or runtime lack is refused by name", (t) => {
  const none = { ...room, features: { appArmor: false, strictGroups: false } };
  const all = { ...room, features: { appArmor: true, strictGroups: true } };
  const confined = pod("p", { containers: [container("main", { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } })] });
  const strict = pod("p", { securityContext: { supplementalGroupsPolicy: "Strict" } });
  t.deepEqual(refusal(confined, none), { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not enabled on the host" });
  t.deepEqual(refusal(strict, none), { reason: "SupplementalGroupsPolicyNotSupported", message: "SupplementalGroupsPolicy=Strict is not supported in this node" });
  for (const each of [confined, strict]) t.is(refusal(each, all), undefined);
  t.is(refusal(pod("p", { securityContext: { appArmorProfile: { type: "Unconfined" } } }), none), undefined);
});
