/** Every test that runs containers. */
import { containerTests } from "./node/containers.ts";
import { environmentTests } from "./node/environment.ts";
import { probeTests } from "./node/probes.ts";
import type { ConformanceTest } from "./support/conformance.ts";

export const podTests: readonly ConformanceTest[] = [...environmentTests, ...containerTests, ...probeTests];
