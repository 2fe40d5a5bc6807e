/** What `runAgent` has to be told. Paths are absolute. */
export interface AgentConfig {
  /** "https://host:port"; needed to enroll, afterwards remembered */
  readonly server?: string | undefined;
  /** join token; needed once */
  readonly token?: string | undefined;
  /** node name: a DNS subdomain */
  readonly name: string;
  readonly dataDir: string;
  readonly runtimes: readonly ("wasi" | "containerd")[];
  /** firmware profile by name, instead of recognising the board */
  readonly profile?: string | undefined;
  readonly site?: string | undefined;
  /** an existing containerd; absent: the agent runs one of its own */
  readonly containerdSocket?: string | undefined;
  /** on close, stop all pods and the agent's own containerd */
  readonly drainOnExit?: boolean | undefined;
  /** pod addresses, instead of those the server assigns */
  readonly podCidr?: string | undefined;
}

/** Shown as kubeletVersion: tools read the API level from it. */
export const AGENT_VERSION = "v1.36.0-lichen.0.1.0";
