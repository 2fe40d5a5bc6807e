/** Every test that runs containers. */
import { containerTests } from "./node/containers.ts";
import { environmentTests } from "./node/environment.ts";
import { podTestsOfNode } from "./node/pods.ts";
import { probeTests } from "./node/probes.ts";
import { resizeTests } from "./node/resize.ts";
import { subpathExpressionTests } from "./node/subpath-expressions.ts";
import { volumeTests } from "./storage/volumes.ts";
import type { ConformanceTest } from "./support/conformance.ts";

export const podTests: readonly ConformanceTest[] = [...environmentTests, ...containerTests, ...podTestsOfNode, ...probeTests, ...resizeTests, ...subpathExpressionTests, ...volumeTests];
