/** The conformance tests that run containers: one server and one device on containerd. */
import { existsSync } from "node:fs";
import test from "ava";
import { podTests } from "../conformance/pod-tests.ts";
import { containerCluster } from "../conformance/support/clusters.ts";
import { registerConformance } from "../conformance/support/conformance.ts";

const closing: (() => Promise<void> | void)[] = [];
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");

registerConformance(test, podTests, possible ? () => containerCluster({ teardown: (end) => void closing.push(end) }) : "needs root and containerd");

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});
