/** The image of a container, pulled as its policy says, with the events that tell why a start takes long. */
import type { Container, EphemeralContainer, Pod, Secret } from "../../core/api/types.gen.ts";
import { ImageError, type ImageOnDevice, type PullSecret } from "../runtimes/runtime.ts";
import type { ObjectSource } from "../environment.ts";
import type { StepContext } from "./executor.ts";

/** @throws ImageError */
export async function ensureImage({ device, runtime, signal }: StepContext, pod: Pod, container: Container | EphemeralContainer): Promise<ImageOnDevice> {
  const reference = container.image ?? "";
  if (reference === "") throw new ImageError("InvalidImageName", `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`);
  const policy = container.imagePullPolicy ?? (isLatest(reference) ? "Always" : "IfNotPresent");
  const present = policy === "Always" ? undefined : await runtime.image(reference);
  const tell = (type: "Normal" | "Warning", reason: string, message: string) => device.events.pod(pod, { type, reason, message, container: container.name });
  if (present !== undefined) {
    tell("Normal", "Pulled", `Container image "${reference}" already present on machine and can be accessed by the pod`);
    return present;
  }
  if (policy === "Never") {
    const message = `Container image "${reference}" is not present with pull policy of Never`;
    tell("Warning", "ErrImageNeverPull", message);
    throw new ImageError("ErrImageNeverPull", message);
  }
  tell("Normal", "Pulling", `Pulling image "${reference}"`);
  const asked = device.clock.monotonic();
  try {
    let began = asked;
    const image = await device.pulls.run(() => {
      began = device.clock.monotonic();
      return runtime.pullImage(reference, { pod, secrets: pullSecrets(pod, reference, device.objects), signal });
    });
    const now = device.clock.monotonic();
    tell("Normal", "Pulled", `Successfully pulled image "${reference}" in ${seconds(now - began)} (${seconds(now - asked)} including waiting). Image size: ${image.sizeBytes} bytes.`);
    return image;
  } catch (error) {
    signal.throwIfAborted();
    const failure = error instanceof ImageError ? error : new ImageError("ErrImagePull", error instanceof Error ? error.message : String(error), error);
    tell("Warning", "Failed", `Failed to pull image "${reference}": ${failure.message}`);
    tell("Warning", "Failed", `Error: ${failure.reason}`);
    tell("Normal", "BackOff", `Back-off pulling image "${reference}"`);
    tell("Warning", "Failed", "Error: ImagePullBackOff");
    throw failure;
  }
}

function isLatest(reference: string): boolean {
  if (reference.includes("@")) return false;
  const last = reference.split("/").at(-1) ?? "";
  return !last.includes(":") || last.endsWith(":latest");
}

/** Credentials of the pod's pull secrets whose registry is that of the image. */
function pullSecrets(pod: Pod, reference: string, objects: ObjectSource): PullSecret[] {
  const host = registryOf(reference);
  return (pod.spec?.imagePullSecrets ?? []).flatMap(({ name = "" }) => {
    const secret = objects.get("v1/secrets", pod.metadata.namespace ?? "", name) as Secret | undefined;
    const encoded = secret?.data?.[".dockerconfigjson"];
    if (encoded === undefined) return [];
    return Object.entries(auths(Buffer.from(encoded, "base64").toString("utf8"))).flatMap(([server, entry]) => {
      if (server.replace(/^https?:\/\//, "").split("/")[0] !== host) return [];
      const [username, ...password] = entry.auth === undefined ? [entry.username ?? "", entry.password ?? ""] : Buffer.from(entry.auth, "base64").toString("utf8").split(":");
      return [{ username: username ?? "", password: password.join(":"), ...(entry.identitytoken === undefined ? {} : { identityToken: entry.identitytoken }) }];
    });
  });
}

interface Auth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

function auths(text: string): { readonly [server: string]: Auth } {
  try {
    return (JSON.parse(text) as { readonly auths?: { readonly [server: string]: Auth } }).auths ?? {};
  } catch {
    return {};
  }
}

function registryOf(reference: string): string {
  const first = reference.split("/")[0] ?? "";
  const named = reference.includes("/") && (first.includes(".") || first.includes(":") || first === "localhost");
  return named ? first : "docker.io";
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3).replace(/\.?0+$/, "")}s`;
}
