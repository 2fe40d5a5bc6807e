import test from "ava";
import { chooseRuntime, handlerOf, ownHandler } from "../../edge-agent/runtime-class.ts";
import { pod } from "./support/pods.ts";

const [containers, components] = [{ handler: "containerd" }, { handler: "wasi" }];
const classes = { get: (_resource: string, _namespace: string, name: string) => (name === "small" ? { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler: "wasi" } : undefined) };

test("a pod has the handler of its class, the name of a class that nobody told, or none", (t) => {
  t.is(handlerOf(pod("p"), classes), "");
  t.is(handlerOf(pod("p", { runtimeClassName: "small" }), classes), "wasi");
  t.is(handlerOf(pod("p", { runtimeClassName: "kata" }), classes), "kata");
});

for (const [handler, runtimes, runtime, own] of [
  ["", [containers, components], containers, ""],
  ["any", [components], components, ""],
  ["containerd", [containers, components], containers, ""],
  ["wasi", [containers, components], components, ""],
  ["runc", [containers, components], containers, "runc"],
  ["wasi", [containers], containers, "wasi"],
  ["runc", [components], undefined, ""],
  ["containerd", [components], undefined, ""],
] as const) {
  test(`the handler ${JSON.stringify(handler)} on a device with ${runtimes.map((each) => each.handler).join(" and ")}`, (t) => {
    const chosen = chooseRuntime(handler, runtimes);
    t.is(chosen, runtime);
    if (chosen !== undefined) t.is(ownHandler(handler, chosen), own);
  });
}
