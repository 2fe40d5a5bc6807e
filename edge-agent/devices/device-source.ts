/** Something that offers devices of certain kinds to containers: plugins, or the board itself. */
export interface OfferedDevice {
  readonly id: string;
  readonly healthy: boolean;
}

/** What a container gets with its devices. */
export interface DeviceGrant {
  readonly nodes: readonly { readonly containerPath: string; readonly hostPath: string; readonly permissions: string }[];
  readonly mounts: readonly { readonly containerPath: string; readonly hostPath: string; readonly readOnly: boolean }[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface DeviceSource {
  /** devices by resource name ("lichen.dev/gpiochip") */
  offers(): ReadonlyMap<string, readonly OfferedDevice[]>;
  /** @throws Error when they cannot be given */
  grant(resource: string, ids: readonly string[]): Promise<DeviceGrant>;
}

export const NOTHING: DeviceGrant = { nodes: [], mounts: [], env: [], annotations: {} };

export function together(grants: readonly DeviceGrant[]): DeviceGrant {
  return {
    nodes: grants.flatMap(({ nodes }) => nodes),
    mounts: grants.flatMap(({ mounts }) => mounts),
    env: grants.flatMap(({ env }) => env),
    annotations: Object.assign({}, ...grants.map(({ annotations }) => annotations)) as Readonly<Record<string, string>>,
  };
}
