/** Containers of a pod: what all have to follow, and what only regular, init or ephemeral ones may say. */
import { dns1123Label } from "../../names.ts";
import type { Container, EphemeralContainer, PodSpec } from "../../types.gen.ts";
import { validateEnv, validateEnvFrom } from "./env.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notFound, notSupported, required, tooMany } from "./errors.ts";
import { validateDevices, validateMounts } from "./mounts.ts";
import { validateHostPorts, validatePorts } from "./ports.ts";
import { validateProbes, validateStopSignal } from "./probes.ts";
import { validatePullPolicy } from "./pull-policy.ts";
import { type ClaimNames, validateResizePolicy, validateResources } from "./resources.ts";
import { validateSecurityContext } from "./security-context.ts";
import type { Volumes } from "./volumes.ts";

/** What the rules of containers need to know of their pod. */
export interface Surroundings {
  readonly spec: PodSpec;
  readonly volumes: Volumes;
  readonly claims: ClaimNames | undefined;
}

const MESSAGE_POLICIES = ["File", "FallbackToLogsOnError"];
const RESTART_POLICIES = ["Always", "Never", "OnFailure"];
/** KEP-5307: bounds of the rules that restart one container */
const RESTART_RULES = 20;
const EXIT_CODES = 255;
const NO_POLICY = "must specify restartPolicy when restart rules are used";

const hasHostUsers = ({ hostUsers }: PodSpec) => hostUsers !== false;

function validateCommon(errors: Errors, path: string, container: Container, { spec, volumes, claims }: Surroundings): void {
  if (isEmpty(container.name)) required(errors, `${path}.name`);
  else check(errors, `${path}.name`, container.name, dns1123Label);
  if (isEmpty(container.image)) required(errors, `${path}.image`);
  const { terminationMessagePolicy: policy } = container;
  if (isEmpty(policy)) required(errors, `${path}.terminationMessagePolicy`);
  else if (!MESSAGE_POLICIES.includes(policy ?? "")) notSupported(errors, `${path}.terminationMessagePolicy`, policy, MESSAGE_POLICIES);
  validatePorts(errors, `${path}.ports`, container.ports);
  validateEnv(errors, `${path}.env`, container.env);
  validateEnvFrom(errors, `${path}.envFrom`, container.envFrom);
  if (container.volumeMounts !== undefined) validateMounts(errors, path, container, volumes);
  if (container.volumeDevices !== undefined) validateDevices(errors, path, container, volumes);
  validatePullPolicy(errors, `${path}.imagePullPolicy`, container.imagePullPolicy);
  validateResources(errors, `${path}.resources`, container.resources, claims);
  if (container.resizePolicy !== undefined) validateResizePolicy(errors, `${path}.resizePolicy`, container.resizePolicy, spec.restartPolicy);
  validateSecurityContext(errors, `${path}.securityContext`, container.securityContext, hasHostUsers(spec));
}

export function validateContainers(errors: Errors, path: string, around: Surroundings): void {
  const { containers } = around.spec;
  if ((containers ?? []).length === 0) return required(errors, path);
  const names = new Set<string>();
  containers.forEach((container, index) => {
    const at = `${path}[${index}]`;
    validateCommon(errors, at, container, around);
    if (names.has(container.name)) duplicate(errors, `${at}.name`, container.name);
    names.add(container.name);
    validateProbes(errors, at, container, around.spec.terminationGracePeriodSeconds);
    validateStopSignal(errors, at, container.lifecycle, around.spec.os?.name);
    validateRestart(errors, at, container);
  });
  validateHostPorts(errors, path, containers);
}

const ONLY_IN_SIDECARS = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const;

export function validateInitContainers(errors: Errors, path: string, around: Surroundings): void {
  const { spec } = around;
  if (spec.initContainers === undefined) return;
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  spec.initContainers.forEach((container, index) => {
    const at = `${path}[${index}]`;
    validateCommon(errors, at, container, around);
    if (container.restartPolicy === undefined && (container.restartPolicyRules ?? []).length > 0) required(errors, `${at}.restartPolicy`, NO_POLICY);
    else validateRestart(errors, at, container);
    if (names.has(container.name)) duplicate(errors, `${at}.name`, container.name);
    else if (!isEmpty(container.name)) names.add(container.name);
    // one runs after the other, so only their own ports can clash
    validateHostPorts(errors, path, [container]);
    if (container.restartPolicy === "Always") {
      validateProbes(errors, at, container, spec.terminationGracePeriodSeconds);
      return;
    }
    for (const field of ONLY_IN_SIDECARS) {
      if (container[field] !== undefined) forbidden(errors, `${at}.${field}`, "may not be set for init containers without restartPolicy=Always");
    }
    container.resizePolicy?.forEach(({ restartPolicy }, number) => {
      if (restartPolicy === "RestartContainer") invalid(errors, `${at}.resizePolicy[${number}].restartPolicy`, restartPolicy, "must not be set to 'RestartContainer' for non-sidecar initContainers");
    });
  });
}

function validateRestart(errors: Errors, path: string, { restartPolicy, restartPolicyRules = [] }: Container): void {
  if (restartPolicy === undefined) {
    if (restartPolicyRules.length > 0) required(errors, `${path}.restartPolicy`, NO_POLICY);
  } else if (!RESTART_POLICIES.includes(restartPolicy)) {
    notSupported(errors, `${path}.restartPolicy`, restartPolicy, RESTART_POLICIES);
  }
  const at = `${path}.restartPolicyRules`;
  if (restartPolicyRules.length > RESTART_RULES) tooMany(errors, at, restartPolicyRules.length, RESTART_RULES);
  restartPolicyRules.forEach(({ action, exitCodes }, index) => {
    if (action !== "Restart" && action !== "RestartAllContainers") notSupported(errors, `${at}[${index}].action`, action ?? "", ["Restart", "RestartAllContainers"]);
    if (exitCodes === undefined) return required(errors, `${at}[${index}].exitCodes`, "must be specified");
    const { operator, values = [] } = exitCodes;
    if (operator !== "In" && operator !== "NotIn") notSupported(errors, `${at}[${index}].exitCodes.operator`, operator ?? "", ["In", "NotIn"]);
    if (values.length > EXIT_CODES) tooMany(errors, `${at}[${index}].exitCodes.values`, values.length, EXIT_CODES);
  });
}

const NOT_IN_EPHEMERAL = ["ports", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy", "restartPolicy", "restartPolicyRules"] as const;
/** Kubernetes leaves no room for empty lists and structures here, but for resources: they are always there. */
const isFilled = (field: string, value: unknown): boolean => value !== undefined && value !== null && (field !== "resources" || Object.keys(value).length > 0);

export function validateEphemeralContainers(errors: Errors, path: string, around: Surroundings): void {
  const { spec } = around;
  if (spec.ephemeralContainers === undefined) return;
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  spec.ephemeralContainers.forEach((container, index) => {
    const at = `${path}[${index}]`;
    validateCommon(errors, at, container as Container, around);
    validateImageText(errors, at, container);
    if (names.has(container.name)) duplicate(errors, `${at}.name`, container.name);
    names.add(container.name);
    const { targetContainerName: target = "" } = container;
    if (target !== "" && !others.has(target)) notFound(errors, `${at}.targetContainerName`, target);
    for (const field of NOT_IN_EPHEMERAL) {
      if (isFilled(field, container[field])) forbidden(errors, `${at}.${field}`, "cannot be set for an Ephemeral Container");
    }
    container.volumeMounts?.forEach(({ subPath, subPathExpr }, number) => {
      if (!isEmpty(subPath)) forbidden(errors, `${at}.volumeMounts[${number}].subPath`, "cannot be set for an Ephemeral Container");
      if (!isEmpty(subPathExpr)) forbidden(errors, `${at}.volumeMounts[${number}].subPathExpr`, "cannot be set for an Ephemeral Container");
    });
  });
}

/** Templates may have blanks around an image, pods may not. */
export function validateImageText(errors: Errors, path: string, { image = "" }: Pick<Container | EphemeralContainer, "image">): void {
  if (image.trim() !== image) invalid(errors, `${path}.image`, image, "must not have leading or trailing whitespace");
}
