/**
 * Device plugins as Kubernetes has them (documentation, "Device Plugins"): they register on kubelet.sock, then tell which
 * devices they have for as long as their stream lasts, and say what a container needs to use one. A plugin that is gone
 * offers nothing; it registers again when it comes back, because the socket it registers on is made anew at every start.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../../core/api/log.ts";
import { GRPC, grpcChannel, GrpcError, type GrpcChannel } from "../runtimes/containerd/grpc.ts";
import { type Message, protobuf } from "../runtimes/containerd/protobuf.ts";
import { NOTHING, type DeviceGrant, type DeviceSource, type OfferedDevice } from "./device-source.ts";
import { grpcServer } from "./grpc-server.ts";
import { HEALTHY, messages, PATHS, VERSION } from "./messages.ts";

const codec = protobuf(messages);
/** Extended resources belong to a domain, and never to Kubernetes' own. */
const RESOURCE = /^(?!.*kubernetes\.io\/)[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** Socket file names only: a plugin must not make the agent connect elsewhere. */
const ENDPOINT = /^[A-Za-z0-9][-A-Za-z0-9_.]*$/;
const ALLOCATE_MS = 30_000;

interface Plugin {
  readonly channel: GrpcChannel;
  readonly control: AbortController;
  readonly preStart: boolean;
  devices: readonly OfferedDevice[];
}

export interface DevicePlugins extends DeviceSource {
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

/** `directory`: where the sockets are, "/var/lib/kubelet/device-plugins" for a kubelet */
export async function devicePlugins({ directory, log }: { readonly directory: string; readonly log: Log }): Promise<DevicePlugins> {
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const plugins = new Map<string, Plugin>();
  const listeners: (() => void)[] = [];
  const changed = () => listeners.forEach((listener) => listener());

  const follow = async (resource: string, plugin: Plugin) => {
    try {
      for await (const bytes of plugin.channel.stream(PATHS.watch, codec.encode("Empty", {}), { signal: plugin.control.signal })) {
        const { devices = [] } = codec.decode("ListAndWatchResponse", bytes);
        plugin.devices = devices.map(({ ID = "", health }) => ({ id: ID, healthy: health === HEALTHY }));
        changed();
      }
    } catch (error) {
      if (!plugin.control.signal.aborted) log.warn({ resource, error: String(error) }, "a device plugin is gone");
    }
    plugin.channel.close();
    if (plugins.get(resource) !== plugin) return;
    plugins.delete(resource);
    changed();
  };

  const register = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const { version, endpoint = "", resource_name: resource = "", options } = codec.decode("RegisterRequest", bytes);
    if (version !== VERSION) throw new GrpcError(GRPC.unimplemented, `device plugin API ${version} is not supported, only ${VERSION}`);
    if (!RESOURCE.test(resource)) throw new GrpcError(GRPC.unknown, `the ResourceName "${resource}" is invalid: expected DOMAIN/NAME outside kubernetes.io`);
    if (!ENDPOINT.test(endpoint)) throw new GrpcError(GRPC.unknown, `the endpoint "${endpoint}" is no socket file in ${directory}`);
    plugins.get(resource)?.control.abort();
    const plugin: Plugin = { channel: grpcChannel(join(directory, endpoint)), control: new AbortController(), preStart: options?.pre_start_required === true, devices: [] };
    plugins.set(resource, plugin);
    log.info({ resource, endpoint }, "a device plugin registered");
    void follow(resource, plugin);
    return codec.encode("Empty", {});
  };
  const server = await grpcServer(join(directory, "kubelet.sock"), { [PATHS.register]: register });

  return {
    offers: () => new Map([...plugins].map(([resource, { devices }]) => [resource, devices])),
    async grant(resource, ids) {
      const plugin = plugins.get(resource);
      if (plugin === undefined) throw new Error(`no device plugin offers ${resource}`);
      const request = codec.encode("AllocateRequest", { container_requests: [{ devices_ids: ids }] });
      const { container_responses = [] } = codec.decode("AllocateResponse", await plugin.channel.unary(PATHS.allocate, request, { timeoutMs: ALLOCATE_MS }));
      if (plugin.preStart) await plugin.channel.unary(PATHS.preStart, codec.encode("PreStartContainerRequest", { devices_ids: ids }), { timeoutMs: ALLOCATE_MS });
      const [answer] = container_responses;
      return answer === undefined ? NOTHING : grantOf(answer);
    },
    onChange: (listener) => void listeners.push(listener),
    async close() {
      for (const { control } of plugins.values()) control.abort();
      await server.close();
    },
  };
}

function grantOf({ envs = {}, mounts = [], devices = [], annotations = {} }: Message<typeof messages, "ContainerAllocateResponse">): DeviceGrant {
  return {
    nodes: devices.map(({ container_path: containerPath = "", host_path: hostPath = "", permissions = "rw" }) => ({ containerPath, hostPath, permissions })),
    mounts: mounts.map(({ container_path: containerPath = "", host_path: hostPath = "", read_only: readOnly = false }) => ({ containerPath, hostPath, readOnly })),
    env: Object.entries(envs).map(([name, value]) => ({ name, value })),
    annotations,
  };
}
