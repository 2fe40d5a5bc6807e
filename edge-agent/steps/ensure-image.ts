/** The image of a container, pulled as its policy says, with the events that tell why a start takes long. */
import type { Container, EphemeralContainer, Pod } from "../../core/api/types.gen.ts";
import { pullSecrets, registryOf } from "../images/pull-secrets.ts";
import { referenceProblem } from "../images/reference.ts";
import { ImageError, type ImageOnDevice } from "../runtimes/runtime.ts";
import type { StepContext } from "./executor.ts";

/** The container that needs the image: as its own, or as a volume. */
type ImageUser = Pick<Container | EphemeralContainer, "name" | "image" | "imagePullPolicy">;

/** @throws ImageError */
export async function ensureImage({ device, runtime, signal }: StepContext, pod: Pod, container: ImageUser): Promise<ImageOnDevice> {
  const reference = container.image ?? "";
  const tell = (type: "Normal" | "Warning", reason: string, message: string) => device.events.pod(pod, { type, reason, message, container: container.name });
  const wrong = referenceProblem(reference);
  if (wrong !== undefined) {
    const message = `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": ${wrong}`;
    tell("Warning", "InspectFailed", message);
    tell("Warning", "Failed", "Error: InvalidImageName");
    throw new ImageError("InvalidImageName", message);
  }
  const policy = container.imagePullPolicy ?? (isLatest(reference) ? "Always" : "IfNotPresent");
  const present = policy === "Always" ? undefined : await runtime.image(reference);
  if (present !== undefined) {
    tell("Normal", "Pulled", `Container image "${reference}" already present on machine and can be accessed by the pod`);
    return present;
  }
  if (policy === "Never") {
    const message = `Container image "${reference}" is not present with pull policy of Never`;
    tell("Warning", "ErrImageNeverPull", message);
    tell("Warning", "Failed", "Error: ErrImageNeverPull");
    throw new ImageError("ErrImageNeverPull", message);
  }
  const own = pullSecrets(pod, reference, device.objects);
  if (own.missing.length > 0) tell("Warning", "FailedToRetrieveImagePullSecret", `Unable to retrieve some image pull secrets (${own.missing.join(", ")}); attempting to pull the image may not succeed.`);
  tell("Normal", "Pulling", `Pulling image "${reference}"`);
  const asked = device.clock.monotonic();
  try {
    let began = asked;
    const image = await device.pulls.run(() => {
      began = device.clock.monotonic();
      return runtime.pullImage(reference, { pod, secrets: [...own.secrets, ...(device.registryCredentials?.(registryOf(reference)) ?? [])], signal });
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

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3).replace(/\.?0+$/, "")}s`;
}
