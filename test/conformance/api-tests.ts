/** Every test that needs the API server and its controllers, and no container. */
import { admissionPolicies } from "./api-machinery/admission-policies.ts";
import { chunking } from "./api-machinery/chunking.ts";
import { customResources } from "./api-machinery/custom-resources.ts";
import { discovery } from "./api-machinery/discovery.ts";
import { fieldValidation } from "./api-machinery/field-validation.ts";
import { garbageCollector } from "./api-machinery/garbage-collector.ts";
import { namespaces } from "./api-machinery/namespaces.ts";
import { publishedOpenApi } from "./api-machinery/published-openapi.ts";
import { resourceQuota } from "./api-machinery/resource-quota.ts";
import { watch } from "./api-machinery/watch.ts";
import { appsApi } from "./apps/api.ts";
import { authApi } from "./auth/api.ts";
import { kubectlApi } from "./cli/kubectl.ts";
import { events } from "./instrumentation/events.ts";
import { networkApi } from "./network/api.ts";
import { nodeApi } from "./node/api.ts";
import { schedulingApi } from "./scheduling/api.ts";
import { storageApi } from "./storage/api.ts";
import type { ConformanceTest } from "./support/conformance.ts";

export const apiTests: readonly ConformanceTest[] = [
  ...admissionPolicies,
  ...chunking,
  ...customResources,
  ...discovery,
  ...fieldValidation,
  ...garbageCollector,
  ...namespaces,
  ...publishedOpenApi,
  ...resourceQuota,
  ...watch,
  ...appsApi,
  ...authApi,
  ...events,
  ...kubectlApi,
  ...networkApi,
  ...nodeApi,
  ...schedulingApi,
  ...storageApi,
];
