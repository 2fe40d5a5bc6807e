/** Security contexts of pods and containers. */
import { dns1123Subdomain } from "../../names.ts";
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext, Sysctl, WindowsSecurityContextOptions } from "../../types.gen.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notSupported, oneOf, required, tooLong } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { idInRange } from "./numbers.ts";
import { descendingPath, sysctlName } from "./text-rules.ts";

const PROFILES = ["Localhost", "RuntimeDefault", "Unconfined"];
const LOCALHOST_PROFILE_LENGTH = 4095;
const USER_NAME_LENGTH = 256 + 1 + 20;
const GMSA_BYTES = 64 * 1024;
/** Sysctls that live in a namespace that the pod shares with the device. */
const SHARED: readonly (readonly [prefix: string, field: "hostIPC" | "hostNetwork"])[] = [
  ["kernel/sem", "hostIPC"], ["kernel/shm", "hostIPC"], ["kernel/msg", "hostIPC"], ["fs/mqueue/", "hostIPC"], ["net/", "hostNetwork"],
];

export function validateSecurityContext(errors: Errors, path: string, context: SecurityContext | undefined, hostUsers: boolean): void {
  if (context === undefined) return;
  const { allowPrivilegeEscalation, capabilities, privileged, procMount } = context;
  idInRange(errors, `${path}.runAsUser`, context.runAsUser);
  idInRange(errors, `${path}.runAsGroup`, context.runAsGroup);
  if (procMount !== undefined) {
    oneOf(errors, `${path}.procMount`, procMount, ["Default", "Unmasked"]);
    if (hostUsers && procMount === "Unmasked") invalid(errors, `${path}.procMount`, procMount, "`hostUsers` must be false to use `Unmasked`");
  }
  seccomp(errors, `${path}.seccompProfile`, context.seccompProfile);
  if (allowPrivilegeEscalation === false) {
    const escalates = (why: string) => invalid(errors, path, internalForm("SecurityContext", context), why);
    if (privileged === true) escalates("cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    if (capabilities?.add?.includes("CAP_SYS_ADMIN") === true) escalates("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
  }
  windows(errors, `${path}.windowsOptions`, context.windowsOptions);
  appArmor(errors, `${path}.appArmorProfile`, context.appArmorProfile);
}

export function validatePodSecurityContext(errors: Errors, path: string, spec: PodSpec): void {
  const context = spec.securityContext;
  // the host namespaces are fields of this context in Kubernetes' own types, so errors show them here
  if (spec.hostPID === true && spec.shareProcessNamespace === true) {
    invalid(errors, `${path}.shareProcessNamespace`, true, "ShareProcessNamespace and HostPID cannot both be enabled");
  }
  if (context === undefined) return;
  idInRange(errors, `${path}.fsGroup`, context.fsGroup);
  idInRange(errors, `${path}.runAsUser`, context.runAsUser);
  idInRange(errors, `${path}.runAsGroup`, context.runAsGroup);
  context.supplementalGroups?.forEach((group, index) => idInRange(errors, `${path}.supplementalGroups[${index}]`, group));
  if (context.sysctls !== undefined) sysctls(errors, `${path}.sysctls`, context.sysctls, spec);
  if (context.fsGroupChangePolicy !== undefined) oneOf(errors, `${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ["Always", "OnRootMismatch"]);
  seccomp(errors, `${path}.seccompProfile`, context.seccompProfile);
  windows(errors, `${path}.windowsOptions`, context.windowsOptions);
  appArmor(errors, `${path}.appArmorProfile`, context.appArmorProfile);
  if (context.supplementalGroupsPolicy !== undefined) oneOf(errors, `${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ["Merge", "Strict"]);
  if (context.seLinuxChangePolicy !== undefined) oneOf(errors, `${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ["Recursive"]);
}

function sysctls(errors: Errors, path: string, list: readonly Sysctl[], spec: PodSpec): void {
  const names = new Set<string>();
  list.forEach(({ name }, index) => {
    const at = `${path}[${index}].name`;
    if (isEmpty(name)) return required(errors, at);
    check(errors, at, name, sysctlName);
    const slashed = name.replaceAll(".", "/");
    if (names.has(slashed)) duplicate(errors, at, name);
    names.add(slashed);
    const shared = SHARED.find(([prefix, field]) => slashed.startsWith(prefix) && spec[field] === true);
    if (shared !== undefined) invalid(errors, at, name, `may not be specified when '${shared[1]}' is true`);
  });
}

function seccomp(errors: Errors, path: string, profile: SeccompProfile | undefined): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  if (isEmpty(type)) required(errors, `${path}.type`, "type is required when seccompProfile is set");
  else if (!PROFILES.includes(type)) notSupported(errors, `${path}.type`, type, PROFILES);
  if (type === "Localhost") {
    if (localhostProfile === undefined) required(errors, `${path}.localhostProfile`, "must be set when seccomp type is Localhost");
    else check(errors, `${path}.localhostProfile`, localhostProfile, descendingPath);
  } else if (localhostProfile !== undefined) {
    invalid(errors, `${path}.localhostProfile`, internalForm("SeccompProfile", profile), "can only be set when seccomp type is Localhost");
  }
}

function appArmor(errors: Errors, path: string, profile: AppArmorProfile | undefined): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  if (isEmpty(type)) return required(errors, `${path}.type`, "type is required when appArmorProfile is set");
  if (!PROFILES.includes(type)) return notSupported(errors, `${path}.type`, type, PROFILES);
  const at = `${path}.localhostProfile`;
  if (type !== "Localhost") {
    if (localhostProfile !== undefined) invalid(errors, at, localhostProfile, "can only be set when AppArmor type is Localhost");
  } else if (localhostProfile === undefined) {
    required(errors, at, "must be set when AppArmor type is Localhost");
  } else {
    const trimmed = localhostProfile.trim();
    if (trimmed !== localhostProfile) invalid(errors, at, localhostProfile, "must not be padded with whitespace");
    else if (trimmed === "") required(errors, at, "must be set when AppArmor type is Localhost");
    if (localhostProfile.length > LOCALHOST_PROFILE_LENGTH) tooLong(errors, at, LOCALHOST_PROFILE_LENGTH);
  }
}

function windows(errors: Errors, path: string, options: WindowsSecurityContextOptions | undefined): void {
  if (options === undefined) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName !== undefined) check(errors, `${path}.gmsaCredentialSpecName`, gmsaCredentialSpecName, dns1123Subdomain);
  if (gmsaCredentialSpec === "") invalid(errors, `${path}.gmsaCredentialSpec`, gmsaCredentialSpec, "gmsaCredentialSpec cannot be an empty string");
  else if (gmsaCredentialSpec !== undefined && gmsaCredentialSpec.length > GMSA_BYTES) tooLong(errors, `${path}.gmsaCredentialSpec`, GMSA_BYTES);
  if (runAsUserName === undefined) return;
  const at = `${path}.runAsUserName`;
  if (runAsUserName === "") invalid(errors, at, runAsUserName, "runAsUserName cannot be an empty string");
  else if (/\p{Cc}/u.test(runAsUserName)) invalid(errors, at, runAsUserName, "runAsUserName cannot contain control characters");
  else if (runAsUserName.split("\\").length > 2) invalid(errors, at, runAsUserName, "runAsUserName cannot contain more than one backslash");
  else windowsUser(errors, at, runAsUserName);
}

const DOMAIN_LENGTH = 256;
const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_DOMAIN = /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/;

/** "user" or "domain\\user" */
function windowsUser(errors: Errors, at: string, name: string): void {
  const parts = name.split("\\");
  const [domain, user = ""] = parts.length === 1 ? [undefined, parts[0]] : parts;
  const wrong = (why: string) => invalid(errors, at, name, `runAsUserName's ${why}`);
  if (domain !== undefined && domain.length >= DOMAIN_LENGTH) wrong(`Domain length must be under ${DOMAIN_LENGTH} characters`);
  if (domain !== undefined && !NETBIOS.test(domain) && !DNS_DOMAIN.test(domain)) wrong("Domain doesn't match the NetBios nor the DNS format");
  if (user === "") wrong("User cannot be empty");
  else if (user.length > USER_NAME_LENGTH) wrong(`User length must not be longer than ${USER_NAME_LENGTH} characters`);
  if (/^[. ]+$/.test(user)) wrong("User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) wrong('User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
}

/** Fields that mean nothing, or something else, on Windows; `path` of the spec. */
const NOT_ON_WINDOWS = {
  pod: ["appArmorProfile", "fsGroup", "fsGroupChangePolicy", "seLinuxOptions", "seccompProfile", "sysctls", "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy"],
  container: ["appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"],
} as const;

export function validateOs(errors: Errors, path: string, spec: PodSpec): void {
  if (spec.os === undefined) return;
  const { name } = spec.os;
  if (isEmpty(name)) return required(errors, `${path}.os.name`);
  if (name !== "linux" && name !== "windows") return notSupported(errors, `${path}.os`, name, ["linux", "windows"]);
  const onWindows = name === "windows";
  const noWindows = (at: string, context: { readonly windowsOptions?: unknown } | undefined) => {
    if (context?.windowsOptions !== undefined) forbidden(errors, `${at}.windowsOptions`, "windows options cannot be set for a linux pod");
  };
  const noLinux = (at: string, context: { readonly [field: string]: unknown } | undefined, fields: readonly string[]) => {
    for (const field of fields) if (context?.[field] !== undefined) forbidden(errors, `${at}.${field}`, "cannot be set for a windows pod");
  };
  if (onWindows) {
    for (const field of ["hostPID", "hostIPC"] as const) if (spec[field] === true) forbidden(errors, `${path}.${field}`, "cannot be set for a windows pod");
    if (spec.hostUsers !== undefined) forbidden(errors, `${path}.hostUsers`, "cannot be set for a windows pod");
    noLinux(`${path}.securityContext`, spec.securityContext as { readonly [field: string]: unknown } | undefined, NOT_ON_WINDOWS.pod);
    if (spec.shareProcessNamespace !== undefined) forbidden(errors, `${path}.securityContext.shareProcessNamespace`, "cannot be set for a windows pod");
  } else {
    noWindows(`${path}.securityContext`, spec.securityContext);
  }
  for (const list of ["containers", "initContainers", "ephemeralContainers"] as const) {
    spec[list]?.forEach(({ securityContext }, index) => {
      const at = `${path}.${list}[${index}].securityContext`;
      if (onWindows) noLinux(at, securityContext as { readonly [field: string]: unknown } | undefined, NOT_ON_WINDOWS.container);
      else noWindows(at, securityContext);
    });
  }
}

/** KEP-127: a pod with a user namespace of its own shares no other namespace of the device. */
export function validateHostUsers(errors: Errors, path: string, spec: PodSpec): void {
  if (spec.hostUsers !== false) return;
  for (const field of ["hostNetwork", "hostPID", "hostIPC"] as const) if (spec[field] === true) forbidden(errors, `${path}.${field}`, "when `hostUsers` is false");
  for (const list of ["containers", "initContainers", "ephemeralContainers"] as const) {
    spec[list]?.forEach(({ volumeDevices = [] }, index) => {
      if (volumeDevices.length > 0) forbidden(errors, `${path}.${list}[${index}].volumeDevices`, "when `hostUsers` is false");
    });
  }
}
