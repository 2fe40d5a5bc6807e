/**
 * apiregistration.k8s.io/v1 by hand: no Debian package holds its source. Field facts from the public API reference and the
 * kube-aggregator protobuf definition (https://github.com/kubernetes/kube-aggregator/blob/release-1.36/pkg/apis/apiregistration/v1/generated.proto).
 */
import type { Fact, FactType, TypeFacts } from "./facts.ts";

const models = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1";
const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const string: FactType = { kind: "scalar", scalar: "string" };
const object = (model: string): FactType => ({ kind: "object", model });

type Given = Partial<Omit<Fact, "name" | "numbers" | "type">>;

function fact(name: string, number: number | undefined, type: FactType, given: Given = {}): Fact {
  return {
    name,
    numbers: number === undefined ? [] : [number],
    type,
    pointer: false,
    omitEmpty: true,
    omitZero: false,
    optional: true,
    required: false,
    default: undefined,
    enum: undefined,
    patchStrategy: undefined,
    patchMergeKey: undefined,
    listType: undefined,
    listMapKeys: [],
    whole: undefined,
    goType: undefined,
    ...given,
  };
}

const required: Given = { omitEmpty: false, optional: false, required: true };
const typeMeta = [fact("kind", undefined, string), fact("apiVersion", undefined, string)];
const type = (goName: string, fields: readonly Fact[]): TypeFacts => ({ model: `${models}.${goName}`, goName, atomic: false, fields });

export const apiregistration: readonly TypeFacts[] = [
  type("APIService", [
    ...typeMeta,
    fact("metadata", 1, object(`${meta}.ObjectMeta`)),
    fact("spec", 2, object(`${models}.APIServiceSpec`)),
    fact("status", 3, object(`${models}.APIServiceStatus`)),
  ]),
  type("APIServiceList", [
    ...typeMeta,
    fact("metadata", 1, object(`${meta}.ListMeta`)),
    fact("items", 2, { kind: "list", items: object(`${models}.APIService`) }, required),
  ]),
  type("APIServiceSpec", [
    fact("service", 1, object(`${models}.ServiceReference`), { pointer: true }),
    fact("group", 2, string),
    fact("version", 3, string),
    fact("insecureSkipTLSVerify", 4, { kind: "scalar", scalar: "boolean" }),
    fact("caBundle", 5, { kind: "scalar", scalar: "bytes" }, { listType: "atomic" }),
    fact("groupPriorityMinimum", 7, { kind: "scalar", scalar: "int32" }, required),
    fact("versionPriority", 8, { kind: "scalar", scalar: "int32" }, required),
  ]),
  type("APIServiceStatus", [
    fact("conditions", 1, { kind: "list", items: object(`${models}.APIServiceCondition`) }, {
      listType: "map",
      listMapKeys: ["type"],
      patchMergeKey: "type",
      patchStrategy: "merge",
    }),
  ]),
  type("APIServiceCondition", [
    fact("type", 1, string, required),
    fact("status", 2, string, required),
    fact("lastTransitionTime", 3, { kind: "special", special: "Time", model: `${meta}.Time` }),
    fact("reason", 4, string),
    fact("message", 5, string),
  ]),
  type("ServiceReference", [
    fact("namespace", 1, string),
    fact("name", 2, string),
    fact("port", 3, { kind: "scalar", scalar: "int32" }, { pointer: true }),
  ]),
];
