/** The conformance tests that need no container, against one real server over HTTPS. */
import test from "ava";
import { apiTests } from "./api-tests.ts";
import { serverOnly } from "./support/clusters.ts";
import { registerConformance } from "./support/conformance.ts";

const closing: (() => Promise<void> | void)[] = [];

registerConformance(test, apiTests, () => serverOnly({ teardown: (end) => void closing.push(end) }));

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});
