/**
 * Runs the protobuf codec over the golden files that Debian ships with the Go packages: each kind once as JSON and once as
 * protobuf, with every field set. Both directions must agree, the encoder to the byte.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { apiVersionOf } from "../../core/api/meta.ts";
import { builtInRows } from "../../core/api/kinds/built-in-rows.ts";
import { decodeValue } from "../../core/api/schema/decode.ts";
import { types } from "../../core/api/schema/facts.ts";
import { decodeProtobuf, encodeProtobuf, metaTypeOf } from "../../core/api/schema/protobuf.ts";
import type { ObjectType } from "../../core/api/schema/schema.ts";

/** Not rows of the table, but kinds of its groups. */
const others: { readonly [apiVersionKind: string]: string } = {
  "autoscaling/v1/Scale": "io.k8s.api.autoscaling.v1.Scale",
  "policy/v1/Eviction": "io.k8s.api.policy.v1.Eviction",
  "authentication.k8s.io/v1/TokenRequest": "io.k8s.api.authentication.v1.TokenRequest",
  "admission.k8s.io/v1/AdmissionReview": "io.k8s.api.admission.v1.AdmissionReview",
};

function typeOf(apiVersion: string, kind: string): ObjectType | undefined {
  const row = builtInRows.find((each) => each.kind === kind && apiVersionOf(each) === apiVersion);
  const model = row === undefined ? others[`${apiVersion}/${kind}`] : `${row.models}.${row.kind}`;
  if (model !== undefined) return types().get(model);
  const core = `io.k8s.api.core.v1.${kind}`;
  return apiVersion === "v1" && types().has(core) ? types().get(core) : metaTypeOf(kind);
}

/** Returns one line per disagreement; `checked` counts the files that were compared. */
export function checkGolden(source: string): { readonly problems: readonly string[]; readonly checked: number } {
  const problems: string[] = [];
  let checked = 0;
  for (const folder of ["k8s.io/api/testdata/HEAD", "k8s.io/apiextensions-apiserver/pkg/apis/testdata/HEAD"]) {
    const path = join(source, folder);
    if (!existsSync(path)) continue;
    for (const file of readdirSync(path).filter((name) => name.endsWith(".pb"))) {
      const json: unknown = JSON.parse(readFileSync(join(path, file.replace(/pb$/, "json")), "utf8"));
      const bytes = readFileSync(join(path, file));
      const { apiVersion, kind } = headOf(json);
      const type = typeOf(apiVersion, kind);
      if (type === undefined) continue;
      checked++;
      const want = decodeValue(type, json);
      const got = decodeValue(type, decodeProtobuf(bytes, typeOf));
      for (const problem of want.problems) problems.push(`${file}: ${problem}`);
      if (JSON.stringify(got.value) !== JSON.stringify(want.value)) problems.push(`${file}: decoded ${firstDifference(got.value, want.value, "")}`);
      const encoded = encodeProtobuf(type, want.value);
      if (!encoded.equals(bytes)) problems.push(`${file}: encoded ${encoded.length} bytes, want ${bytes.length}, differ at ${differAt(encoded, bytes)}`);
    }
  }
  return { problems, checked };
}

function headOf(json: unknown): { apiVersion: string; kind: string } {
  const text = (name: string) => (typeof json === "object" && json !== null ? String(Reflect.get(json, name)) : "");
  return { apiVersion: text("apiVersion"), kind: text("kind") };
}

function differAt(a: Buffer, b: Buffer): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

function firstDifference(got: unknown, want: unknown, path: string): string {
  if (typeof got === "object" && typeof want === "object" && got !== null && want !== null) {
    for (const key of new Set([...Object.keys(got), ...Object.keys(want)])) {
      const [a, b] = [Reflect.get(got, key), Reflect.get(want, key)];
      if (JSON.stringify(a) !== JSON.stringify(b)) return firstDifference(a, b, `${path}.${key}`);
    }
  }
  return `${path}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`;
}

const given = process.argv[2];
if (import.meta.main && given !== undefined) {
  const { problems, checked } = checkGolden(given);
  for (const problem of problems) console.error(problem);
  console.log(`${checked} golden files compared, ${problems.length} disagreements`);
  process.exitCode = problems.length === 0 && checked > 0 ? 0 : 1;
}
