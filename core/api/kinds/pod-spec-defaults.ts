/**
 * Defaults of a pod spec, in pods and in templates. Those of single fields are facts of the schema table where the types
 * state them; here are the ones that Kubernetes sets in code (pkg/apis/core/v1 SetDefaults_* of the API reference).
 */
import { parseReference } from "../image-reference.ts";
import { statedLimits, statedRequests } from "../pod-resources.ts";
import { formatQuantity } from "../quantity.ts";
import type { Container, PodSpec, Probe, ResourceRequirements, Volume } from "../types.gen.ts";
import { withoutDisabled } from "./disabled-features.ts";
import { fill, mapAll, mapField, without } from "./fill.ts";
import { isHugePages } from "./validate/resource-names.ts";

/** mode 0644 of files made from configuration */
const FILE_MODE = 0o644;

export function defaultPodSpec(spec: PodSpec): PodSpec {
  let filled = fill(spec, {
    dnsPolicy: "ClusterFirst",
    restartPolicy: "Always",
    schedulerName: "default-scheduler",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  // the deprecated name of serviceAccountName is served along with it
  const account = filled.serviceAccountName || filled.serviceAccount;
  if (account !== undefined && (filled.serviceAccountName !== account || filled.serviceAccount !== account)) filled = { ...filled, serviceAccountName: account, serviceAccount: account };
  filled = mapField(filled, "containers", (list) => mapAll(list, defaultContainer));
  filled = mapField(filled, "initContainers", (list) => mapAll(list, defaultContainer));
  filled = mapField(filled, "ephemeralContainers", (list) => mapAll(list, (one) => defaultContainer(one as Container) as typeof one));
  return withoutDisabled(mapField(filled, "volumes", (list) => mapAll(list, defaultVolume)));
}

/** A pod on the network of its device takes the device's ports. In templates that is left to their pods. */
export function defaultHostPorts(spec: PodSpec): PodSpec {
  if (spec.hostNetwork !== true) return spec;
  const filled = mapField(spec, "containers", (list) => mapAll(list, withHostPorts));
  return mapField(filled, "initContainers", (list) => mapAll(list, withHostPorts));
}

function withHostPorts(container: Container): Container {
  return mapField(container, "ports", (ports) => mapAll(ports, (port) => ((port.hostPort ?? 0) === 0 ? { ...port, hostPort: port.containerPort } : port)));
}

function defaultContainer(container: Container): Container {
  let filled = fill(container, {
    imagePullPolicy: pullPolicy(container.image),
    resources: {},
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
  });
  filled = mapField(filled, "ports", (ports) => mapAll(ports, (port) => fill(port, { protocol: "TCP" })));
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"] as const) filled = mapField(filled, probe, defaultProbe);
  filled = mapField(filled, "lifecycle", (lifecycle) => mapField(mapField(lifecycle, "postStart", defaultHandler), "preStop", defaultHandler));
  return mapField(filled, "env", (env) =>
    mapAll(env, (one) => mapField(one, "valueFrom", (from) => mapField(from, "fieldRef", (ref) => fill(ref, { apiVersion: "v1" })))),
  );
}

/** A tag other than latest does not move, so an image that is there need not be asked for; nor can what names none. */
function pullPolicy(image: string | undefined): string {
  const reference = parseReference(image ?? "");
  if (reference === undefined) return "IfNotPresent";
  const { tag, digest } = reference;
  return tag === "latest" || (tag === undefined && digest === undefined) ? "Always" : "IfNotPresent";
}

/** What has a limit and no request requests its limit; in pods, not in templates. */
export function defaultRequests(container: Container): Container {
  return mapField(container, "resources", requestsOfLimits);
}

/**
 * KEP-2837: a pod that has limits as a whole requests what its containers do, and its limits where they say nothing; huge
 * pages that containers may use, and of which the pod says nothing, are limited to what they are together.
 */
export function defaultPodRequests(given: PodSpec): PodSpec {
  const spec = withHugePageLimits(given);
  const { limits = {}, requests = {} } = spec.resources ?? {};
  if (Object.keys(limits).length === 0) return spec;
  const asked = [...statedRequests(without(spec, "resources"))].filter(([name]) => OVERCOMMITTED.includes(name)).map(([name, amount]) => [name, formatQuantity(amount)] as const);
  const own = Object.entries(limits).filter(([name]) => OVERCOMMITTED.includes(name) || isHugePages(name));
  const filled = fill(fill(requests, Object.fromEntries(asked)), Object.fromEntries(own));
  return filled === requests ? spec : { ...spec, resources: { ...spec.resources, requests: filled } };
}

/** What a pod can state as a whole, besides huge pages. */
const OVERCOMMITTED = ["cpu", "memory"];

function withHugePageLimits(spec: PodSpec): PodSpec {
  const { limits = {}, requests = {} } = spec.resources ?? {};
  if (Object.keys({ ...limits, ...requests }).length === 0) return spec;
  const pages = [...statedLimits(without(spec, "resources"))].filter(([name]) => isHugePages(name) && requests[name] === undefined);
  const filled = fill(limits, Object.fromEntries(pages.map(([name, amount]) => [name, formatQuantity(amount)])));
  return filled === limits ? spec : { ...spec, resources: { ...spec.resources, limits: filled } };
}

function requestsOfLimits(resources: ResourceRequirements): ResourceRequirements {
  if (resources.limits === undefined) return resources;
  const requests = fill(resources.requests ?? {}, resources.limits);
  return requests === resources.requests ? resources : { ...resources, requests };
}

function defaultProbe(probe: Probe): Probe {
  const filled = fill(probe, { failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1 });
  return mapField(defaultHandler(filled), "grpc", (grpc) => fill(grpc, { service: "" }));
}

function defaultHandler<T extends Pick<Probe, "httpGet">>(handler: T): T {
  return mapField(handler, "httpGet", (get) => fill(get, { path: "/", scheme: "HTTP" }) as T["httpGet"]);
}

function defaultVolume(volume: Volume): Volume {
  if (Object.keys(volume).length === 1) return { ...volume, emptyDir: {} };
  let filled = mapField(volume, "secret", (one) => fill(one, { defaultMode: FILE_MODE }));
  filled = mapField(filled, "configMap", (one) => fill(one, { defaultMode: FILE_MODE }));
  filled = mapField(filled, "image", (one) => fill(one, { pullPolicy: pullPolicy(one.reference) }) as typeof one);
  filled = mapField(filled, "hostPath", (one) => fill(one, { type: "" }));
  filled = mapField(filled, "image", (one) => fill(one, { pullPolicy: pullPolicy(one.reference) }));
  filled = mapField(filled, "ephemeral", (one) => mapField(one, "volumeClaimTemplate", (template) => mapField(template, "spec", (spec) => fill(spec, { volumeMode: "Filesystem" }))));
  filled = mapField(filled, "downwardAPI", (one) => mapField(fill(one, { defaultMode: FILE_MODE }), "items", (items) => mapAll(items, defaultFieldRef)));
  return mapField(filled, "projected", (projected) =>
    mapField(fill(projected, { defaultMode: FILE_MODE }), "sources", (sources) =>
      mapAll(sources, (source) => {
        const token = mapField(source, "serviceAccountToken", (one) => fill(one, { expirationSeconds: 3600 }));
        return mapField(token, "downwardAPI", (one) => mapField(one, "items", (items) => mapAll(items, defaultFieldRef)));
      }),
    ),
  );
}

function defaultFieldRef<T extends { readonly fieldRef?: { readonly apiVersion?: string; readonly fieldPath: string } }>(item: T): T {
  return mapField(item, "fieldRef", (ref) => fill(ref as NonNullable<T["fieldRef"]>, { apiVersion: "v1" }));
}
