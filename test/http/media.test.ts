import test from "ava";
import { bodyFormat, negotiate } from "../../core/http/media.ts";
import { wantsAggregated } from "../../core/http/discovery/aggregated.ts";

const all = ["json", "yaml", "protobuf"] as const;

test("Accept chooses format and view in the order of quality, then of writing", (t) => {
  const table = { as: "Table", version: "v1" } as const;
  t.deepEqual(negotiate(undefined, all), { format: "json", view: undefined });
  t.deepEqual(negotiate("*/*", all), { format: "json", view: undefined });
  t.deepEqual(negotiate("text/html, application/yaml;q=0.5, application/json;q=0.4", all), { format: "yaml", view: undefined });
  t.deepEqual(negotiate("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", all), { format: "json", view: table });
  t.deepEqual(negotiate("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", all), { format: "json", view: undefined });
  t.deepEqual(negotiate("application/vnd.kubernetes.protobuf,application/json", all), { format: "protobuf", view: undefined });
  t.deepEqual(negotiate("application/vnd.kubernetes.protobuf,application/json", ["json", "yaml"]), { format: "json", view: undefined });
  t.deepEqual(negotiate("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;g=meta.k8s.io;v=v1", all), {
    format: "json",
    view: table,
  });
});

test("what cannot be made is Not Acceptable", (t) => {
  for (const header of ["text/html", "nonsense"]) {
    t.throws(() => negotiate(header, all), { message: /^406: Not Acceptable\n\nAvailable representations: application\/json/ }, header);
  }
  const otherView = "application/json;as=Other;v=v1;g=meta.k8s.io";
  t.throws(() => negotiate(otherView, all), { message: /^only the following media types are accepted: application\/json/ }, "a format that we have, not such a view");
});

test("what is never read back has no table", (t) => {
  const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
  t.throws(() => negotiate(table, all, { tables: false }), { message: /^only the following media types are accepted/ });
  t.deepEqual(negotiate(`${table},application/json`, all, { tables: false }), { format: "json", view: undefined });
});

test("Content-Type", (t) => {
  t.is(bodyFormat(undefined, all), "json");
  t.is(bodyFormat("application/json; charset=utf-8", all), "json");
  t.is(bodyFormat("application/yaml", all), "yaml");
  for (const header of ["text/plain", "a b", "*/*", "application/x-www-form-urlencoded"]) t.throws(() => bodyFormat(header, all), { message: /unknown format/ }, header);
  t.throws(() => bodyFormat("application/vnd.kubernetes.protobuf", ["json"]));
});

test("aggregated discovery is for who names it before plain JSON", (t) => {
  const type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  t.true(wantsAggregated(type));
  t.true(wantsAggregated(`${type},application/json`));
  t.true(wantsAggregated(`application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,${type},application/json`));
  t.false(wantsAggregated(`application/json,${type}`));
  t.false(wantsAggregated(undefined));
});
