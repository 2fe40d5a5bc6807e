/**
 * jco's glue keeps a task, a subtask, a waitable and several closures per call, as asynchronous components (WASI 0.3) need
 * them, and looks at the environment in each debug statement. A component that is synchronous throughout uses none of it:
 * the same calls without the bookkeeping are four times as fast and leave no garbage. What is not recognised stays as it is.
 *
 * Two things would end a service that lives long, and are mended: a set that remembers each resource ever made (it throws at
 * 2^24), and resource numbers that run into the flag bit at 2^30.
 */

/** Where the preamble ends and the component's own code begins. */
const OWN_CODE = /^[ \t]*const module0 ?= ?getCoreModule\(/m;
const DEBUG_LOG = /const _debugLog = \(\.\.\.args\) => \{[^}]*\}\s*console\.debug\(\.\.\.args\);\s*\};/;
/** An asynchronous function, import or lowering: the bookkeeping is needed then. */
const ASYNCHRONOUS = /\b(?:isAsync|funcTypeIsAsync|isManualAsync|manuallyAsync): true|new WebAssembly\.promising\(/;
/**
 * What takes the place of the glue's functions, as far as it has them (one without imports lowers none). An import is called as
 * it is, without the wrapper that finds the task it belongs to.
 */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  createNewCurrentTask: "() => _synchronousTasks",
  getCurrentTask: "() => undefined",
  _withGlobalCurrentTaskMeta: "({ fn }) => fn()",
  _trackHostOperation: "(operation) => operation()",
  _lowerImportBackwardsCompat: "{ bind: (_this, { importFn }) => importFn }",
};
/** Without these it is no glue that we know. */
const NEEDED = ["createNewCurrentTask", "_withGlobalCurrentTaskMeta"];

/** One task for all calls: it never waits, is always resolved and borrows nothing. */
const SYNCHRONOUS = `
const _synchronousTask = {
  id: () => 0, componentIdx: () => -1, entryFnName: () => "", getParentSubtask: () => undefined, getRootTask: () => _synchronousTask,
  enterSync: () => true, exit() {}, resolve() {}, reject() {}, setErrored() {}, setParentSubtask() {}, setCalleeIsAsync() {},
  setReturnMemory() {}, setReturnMemoryIdx() {}, notifyProgress() {}, mayBlock: () => true, isCancelled: () => false,
  isRejected: () => false, isExited: () => true, isResolvedState: () => true,
};
const _synchronousTasks = [_synchronousTask, 0];
`;

/** Each is an object in the host's heap, which bounds a component by ending its process: one that shares it is ended before. */
const MAX_RESOURCES = 16_384;

const NEXT_REP = `
const _nextRep = (table, last) => {
  if (table.size >= ${MAX_RESOURCES}) throw new Error("the component keeps ${MAX_RESOURCES} resources of one kind");
  let rep = last;
  do rep = rep >= 0x3fffffff ? 1 : rep + 1; while (table.has(rep));
  return rep;
};
`;
/** written, and read nowhere unless a component passes its own resources on */
const REMEMBERED = "table._createdReps.add(rep);";

/** Whether nothing in it waits by itself: such glue can be called anew, and shares a process. */
export const isSimplified = (glue: string) => glue.includes("_synchronousTask");

export function simplifyGlue(source: string): string {
  const has = (name: string) => source.includes(`function ${name}(`);
  if (!OWN_CODE.test(source) || !DEBUG_LOG.test(source) || ASYNCHRONOUS.test(source) || !NEEDED.every(has)) return source;
  const replacements = Object.entries(REPLACEMENTS).map(([name, by]) => (has(name) ? `${name} = ${by};\n` : ""));
  return source
    .replace(DEBUG_LOG, "const _debugLog = () => {};")
    .replace(OWN_CODE, (start) => `${NEXT_REP}${SYNCHRONOUS}${replacements.join("")}${start}`)
    .replaceAll(/\+\+captureCnt(\d+)/g, "(captureCnt$1 = _nextRep(captureTable$1, captureCnt$1))")
    .replaceAll(REMEMBERED, (text) => (/_createdReps\.(?!add\b)/.test(source) ? text : ""))
    // arguments of debug statements are made even if nobody looks at them
    .replaceAll(/^\s*_debugLog\((?:'[^'\n]*'|"[^"\n]*")(?:, (?:\{[^{}()]*\}|\w+))?\);$/gm, "");
}
