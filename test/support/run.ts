/**
 * `npm test`: types, lint, then every test, fast ones first; the last line is "N passed, N failed". Checks that are not
 * AVA tests count as one each, so that a type error is a failed test and not a lost line above the result.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { installComponents } from "./components.ts";

interface Tally {
  passed: number;
  failed: number;
}

interface Check {
  readonly name: string;
  readonly run: () => Promise<Tally>;
}

/** Programs come first: fast tests use some of them too, and skip where they are missing. */
const checks: readonly Check[] = [
  { name: "programs", run: programs },
  { name: "types", run: () => command("tsc", []) },
  { name: "lint", run: () => command("oxlint", ["--deny-warnings"]) },
  { name: "tests", run: () => ava([]) },
  { name: "tests against real components", run: () => ava(["--config", "ava.real.config.js"]) },
];

async function programs(): Promise<Tally> {
  try {
    installComponents();
    return { passed: 1, failed: 0 };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return { passed: 0, failed: 1 };
  }
}

function command(program: string, args: readonly string[]): Promise<Tally> {
  return new Promise((resolve) => {
    spawn(program, args, { stdio: "inherit" }).on("close", (code) =>
      resolve(code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }),
    );
  });
}

/** Runs AVA with TAP output: shows failures whole, counts the rest. A run that dies without a failed test counts as one. */
function ava(args: readonly string[]): Promise<Tally> {
  return new Promise((resolve) => {
    const tally: Tally = { passed: 0, failed: 0 };
    const child = spawn("ava", ["--tap", ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let failing = false;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (/^(not )?ok \d+/.test(line)) {
        failing = line.startsWith("not ") && !line.includes("# TODO");
        if (failing) tally.failed++;
        else if (!line.includes("# SKIP") && !line.includes("# TODO")) tally.passed++;
        if (line.includes("# SKIP")) console.log(line);
      }
      if (failing) console.log(line);
    });
    child.on("close", (code) => {
      if (code !== 0 && tally.failed === 0) tally.failed = 1;
      resolve(tally);
    });
  });
}

const total: Tally = { passed: 0, failed: 0 };
for (const check of checks) {
  const started = performance.now();
  const tally = await check.run();
  total.passed += tally.passed;
  total.failed += tally.failed;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${check.name}: ${tally.passed} passed, ${tally.failed} failed in ${seconds} s`);
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
