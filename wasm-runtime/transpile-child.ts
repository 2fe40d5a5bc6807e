/**
 * The process that runs jco: component on standard input, bundle on standard output, the reason of a refusal on standard
 * error. A process of its own, because a hostile component can only be bounded from outside (time, memory).
 */
import { readFileSync, writeSync } from "node:fs";
import { adapted } from "./adapt.ts";
import { BUNDLE_ENTRY, isAsynchronous, packBundle } from "./bundle.ts";
import { needsOf, PARTS_FLAG } from "./capabilities.ts";
import { ComponentError, isCoreModule, readComponentHeader } from "./component-header.ts";
import { mendGlue } from "./mend-glue.ts";
import { checkNames } from "./names.ts";
import { simplifyGlue } from "./simplify-glue.ts";

/** The glue of asynchronous components needs its bookkeeping; that of others works without. */
const improved = (data: Uint8Array, asynchronous: boolean) => Buffer.from((asynchronous ? mendGlue : simplifyGlue)(Buffer.from(data).toString("utf8")));

/** Names the tool and what changes its output: a new value means new modules for every component. */
const PRODUCER = "jco-transpile 0.15.0 sync 4";

/** A component may import an interface in both versions, and the glue asks for it by a name without one. */
const ASYNCHRONOUS_KEYS = ["cli", "clocks", "filesystem", "random"].map((name): [string, string] => [`wasi:${name}/*@0.3.0`, `p3:${name}/*`]);

try {
  const given = readFileSync(0);
  const component = isCoreModule(given) ? await adapted(given) : given;
  const header = readComponentHeader(component);
  checkNames(component);
  const needs = needsOf(header, process.argv.includes(PARTS_FLAG));
  const asynchronous = isAsynchronous(header);
  const { $init, generate } = await import("@bytecodealliance/jco-transpile/component");
  await $init;
  const { files } = generate(component, {
    name: "component",
    instantiation: { tag: "sync" },
    noTypescript: true,
    noNodejsCompat: true,
    validLiftingOptimization: true,
    ...(asynchronous ? { asyncMode: { tag: "jspi", val: { imports: [], exports: [] } }, map: ASYNCHRONOUS_KEYS } : {}),
  });
  const kept = files
    .filter(([name]) => name === BUNDLE_ENTRY || name.endsWith(".wasm"))
    .map(([name, data]): [string, Uint8Array] => [name, name === BUNDLE_ENTRY ? improved(data, asynchronous) : data]);
  const bundle = packBundle({
    header: { world: needs.world, imports: header.imports, exports: header.exports, capabilities: needs.capabilities, producer: PRODUCER },
    files: new Map(kept.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  });
  process.stdout.write(bundle);
} catch (error) {
  const reason = error instanceof ComponentError ? error.reason : "Failed";
  const text = error instanceof Error ? error.message : String((error as { payload?: unknown }).payload ?? error);
  writeSync(2, JSON.stringify({ reason, message: text.slice(0, 2000) }));
  process.exitCode = 1;
}
