import test from "ava";
import { simplifyGlue } from "../../wasm-runtime/simplify-glue.ts";
import { transpile } from "../../wasm-runtime/transpile.ts";
import { example } from "./support/components.ts";

const glueOf = async (name: string) => Buffer.from((await transpile(example(name))).files.get("component.js") ?? "").toString();

test("the glue of a synchronous component keeps no books", async (t) => {
  for (const name of ["hello", "ticker"]) {
    const glue = await glueOf(name);
    t.false(glue.includes("process?.env"));
    t.false(glue.includes("_createdReps.add"));
    t.notRegex(glue, /\+\+captureCnt/);
    t.regex(glue, /_synchronousTask/);
  }
});

test("glue that is not recognised, or asynchronous, stays as it is", async (t) => {
  const glue = await glueOf("hello");
  for (const source of ["", "const module0 = getCoreModule('x');", glue.replace("isAsync: false", "isAsync: true"), glue.replaceAll("function getCurrentTask(", "function another(")]) {
    t.is(simplifyGlue(source), source);
  }
});
