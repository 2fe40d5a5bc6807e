import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { casesOf, PROCESSES, runCases } from "./support/guests.ts";
import { afterAll } from "../support/after-all.ts";
import { temporaryDirectory } from "../support/lichen.ts";

const cases = casesOf("posix");
const results = new Map<string, ReadonlyMap<string, string>>();

const later = afterAll();

for (const process of PROCESSES) {
  test.before(`all cases run in one guest (${process} process)`, async () => {
    const directory = temporaryDirectory(later);
    const [data, kept] = [join(directory, "data"), join(directory, "kept")];
    mkdirSync(join(data, "dir"), { recursive: true });
    mkdirSync(join(kept, "sub"), { recursive: true });
    writeFileSync(join(data, "hello.txt"), "hello world\n");
    writeFileSync(join(data, "dir/nested.txt"), "nested\n");
    symlinkSync("hello.txt", join(data, "link"));
    symlinkSync("dir", join(data, "dirlink"));
    writeFileSync(join(kept, "kept.txt"), "kept\n");
    results.set(process, await runCases(later, "posix", cases, process, {
      env: [["GREETING", "grüß"], ["EMPTY", ""]],
      grants: { preopens: [{ hostPath: data, guestPath: "/data", readOnly: false }, { hostPath: kept, guestPath: "/ro", readOnly: true }] },
    }));
  });

  for (const name of cases) test(`${name.replaceAll("_", " ")} (${process} process)`, (t) => t.is(results.get(process)?.get(name), ""));

  test(`the guest ends in order (${process} process)`, (t) => t.is(results.get(process)?.get("the end of the guest"), undefined));
}
