/**
 * Everything the agent can do to a pod. The plan names the steps that should be going on; the agent starts those that
 * are not, and aborts those that are but should not be. `key` says which of two steps are the same.
 */
export interface StepTable {
  /** makes the pod's volumes, or brings their content up to date */
  readonly mountVolumes: { readonly digest: string };
  readonly startSandbox: { readonly attempt: number };
  /** image, creation and start; `created` names a container that was created but never started */
  readonly startContainer: { readonly container: string; readonly attempt: number; readonly created?: string | undefined };
  /** changes the resources of a container that runs */
  readonly resizeContainer: { readonly container: string; readonly containerId: string };
  /** changes what the pod as a whole may use */
  readonly resizePod: object;
  /** runs the hook of a container that has started */
  readonly postStart: { readonly container: string; readonly containerId: string };
  /** `until`: when the grace period is over, milliseconds; absent: `graceSeconds` from the start of the step */
  readonly stopContainer: {
    readonly container: string;
    readonly containerId: string;
    readonly graceSeconds: number;
    readonly until?: number | undefined;
    readonly message: string;
  };
  readonly removeContainer: { readonly containerId: string };
  /** ends what is left in it and gives its address back */
  readonly stopSandbox: { readonly sandboxId: string };
  readonly removeSandbox: { readonly sandboxId: string };
  readonly unmountVolumes: object;
  /** removes logs, directories and what the runtime keeps */
  readonly forgetPod: object;
}

export type StepType = keyof StepTable;
export type Step = { readonly [T in StepType]: { readonly type: T } & StepTable[T] }[StepType];
export type StepOf<T extends StepType> = { readonly type: T } & StepTable[T];

export function stepKey(step: Step): string {
  switch (step.type) {
    case "mountVolumes":
    case "unmountVolumes":
      return "volumes";
    case "startSandbox":
    case "forgetPod":
    case "resizePod":
      return step.type;
    case "startContainer":
      return `start/${step.container}`;
    case "resizeContainer":
      return `resize/${step.containerId}`;
    case "postStart":
      return `postStart/${step.containerId}`;
    case "stopContainer":
      // an earlier end is another stop
      return `stop/${step.containerId}/${step.until ?? step.graceSeconds}`;
    case "removeContainer":
      return `remove/${step.containerId}`;
    case "stopSandbox":
    case "removeSandbox":
      // one after the other: a sandbox is listed as stopped while its network is still being taken down
      return `clear/${step.sandboxId}`;
  }
}
