import test from "ava";
import { types } from "../../core/api/schema/facts.ts";
import { joined, typedErrors } from "../../core/registry/managed-fields/typed-errors.ts";

const service = types().get("io.k8s.api.core.v1.Service");
if (service === undefined) throw new Error("no type Service");

test("a configuration has the type of its kind, or says where it has not", (t) => {
  for (const [spec, message] of [
    [{ ports: "x" }, ".spec.ports: expected list, got &{x}"],
    [{ type: 1 }, ".spec.type: expected string, got &value.valueUnstructured{Value:1}"],
    [{ ports: [{ name: "a" }] }, '.spec.ports[protocol="TCP"]'],
    [{ ports: [1] }, ".spec.ports: element 0: associative list with keys may not have non-map elements"],
    [{ ports: [{ port: 80 }, { port: 80, protocol: "TCP" }] }, '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]'],
    [{ selector: 5, externalName: true }, "errors:\n  .spec.selector: expected map, got &{5}\n  .spec.externalName: expected string, got &value.valueUnstructured{Value:true}"],
    [{ zz: 1, ports: "x" }, ".spec.zz: field not declared in schema"],
    [{ externalIPs: [{}] }, undefined],
    [{ type: null, ports: null }, undefined],
  ] as const) {
    const errors = typedErrors(service, { spec });
    if (message === undefined || message.startsWith('.spec.ports[protocol="TCP"]')) t.is(errors.filter(({ path }) => !path.startsWith(".spec.externalIPs")).length, 0, JSON.stringify(spec));
    else t.is(joined(errors), message);
  }
});
