/** All devices that this machine can give to containers: those of the board and those of plugins, with who has which. */
import { join } from "node:path";
import { sleep, type Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import { deviceAllocator, type DeviceAllocator } from "./allocator.ts";
import { boardDevices } from "./board-devices.ts";
import { devicePlugins } from "./plugins.ts";

export interface Devices extends DeviceAllocator {
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

/** sun_path with its NUL (unix(7)) */
const MAX_SOCKET_PATH = 108;
/** USB devices are plugged in by people. */
const LOOK_MS = 10_000;

export async function startDevices({ dataDir, clock, log, signal }: { readonly dataDir: string; readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal }): Promise<Devices> {
  const listeners: (() => void)[] = [];
  const changed = () => listeners.forEach((listener) => listener());
  const board = boardDevices();
  await board.look();
  const directory = join(dataDir, "device-plugins");
  const fits = Buffer.byteLength(join(directory, "kubelet.sock")) < MAX_SOCKET_PATH;
  if (!fits) log.warn({ directory }, "no device plugins: the path of their socket is longer than Linux allows; use a shorter --data-dir");
  const plugins = fits ? await devicePlugins({ directory, log }) : undefined;
  plugins?.onChange(changed);
  const allocator = await deviceAllocator({ file: join(dataDir, "device-allocations.json"), sources: [board, ...(plugins === undefined ? [] : [plugins])] });
  void (async () => {
    while (!signal.aborted) {
      await sleep(clock, LOOK_MS, signal);
      if (await board.look()) changed();
    }
  })();
  return { ...allocator, onChange: (listener) => void listeners.push(listener), close: async () => plugins?.close() };
}
