/** All that a component can import, by the names the glue asks for. */
import { agentLine } from "./agent-line.ts";
import type { AsyncImports } from "./async-imports.ts";
import { cli } from "./cli.ts";
import type { CliOptions } from "./cli.ts";
import { configStore } from "./config.ts";
import { gpio, GPIO_ROOT } from "./gpio.ts";
import { i2c } from "./i2c.ts";
import { keyvalue } from "./keyvalue.ts";
import { logging } from "./logging.ts";
import { messaging } from "./messaging.ts";
import { metrics } from "./metrics.ts";
import { monotonicClock, timezone, wallClock } from "./clocks.ts";
import { filesystem } from "./filesystem.ts";
import { Fields } from "./http-fields.ts";
import { FutureIncomingResponse, IncomingResponse, OutgoingRequest, outgoingHandler, RequestOptions } from "./http-outgoing.ts";
import { FutureTrailers, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam } from "./http-types.ts";
import { outboundOf, parseEndpoints, parseListening } from "./endpoints.ts";
import { Failure, InputStream, IoError, OutputStream, poll, Pollable } from "./io.ts";
import type { Sink } from "./io.ts";
import { join } from "node:path";
import { openNet } from "./net.ts";
import type { Net, StartNetwork } from "./net.ts";
import { onewire } from "./onewire.ts";
import { insecure, insecureSeed, random } from "./random.ts";
import { sockets } from "./sockets.ts";
import type { Granted } from "./sockets.ts";
import type { Grants } from "./spec.ts";
import { spi } from "./spi.ts";
import { uart } from "./uart.ts";

export interface ImportOptions extends CliOptions {
  readonly grants: Grants;
  readonly network: StartNetwork;
  /** the pod's own addresses */
  readonly addresses: readonly string[];
  /** where the agent listens for this process; absent: there is none */
  readonly agentDir?: string;
}

export interface Imports {
  /** by the names the glue asks for */
  readonly interfaces: object;
  /** a command has ended: its output is written. undefined: nothing to wait for */
  drained(): Promise<void> | undefined;
  /** the instance is gone: what it had open is closed */
  reset(): void;
  /** there will be no other instance */
  close(): void;
}

/** @param more interfaces of another version of WASI, over the same files */
export function importsFor(options: ImportOptions, more?: (options: CliOptions, files: ReturnType<typeof filesystem>) => AsyncImports): Imports {
  const commands = cli(options);
  const files = filesystem(options.grants.preopens ?? []);
  const refused = noteOnce(options.stderr);
  // it costs nothing before the first order
  const outside = openNet(options.network, () => new Failure("new-socket-limit"));
  const granted = grantedNetwork(options, outside, refused);
  const net = sockets(granted, refused);
  const interfaces = {
    "wasi:cli/environment": commands.environment,
    "wasi:cli/exit": commands.exit,
    "wasi:cli/stdin": commands.stdin,
    "wasi:cli/stdout": commands.stdout,
    "wasi:cli/stderr": commands.stderr,
    "wasi:cli/terminal-input": commands.terminalInput,
    "wasi:cli/terminal-output": commands.terminalOutput,
    "wasi:cli/terminal-stdin": commands.terminalStdin,
    "wasi:cli/terminal-stdout": commands.terminalStdout,
    "wasi:cli/terminal-stderr": commands.terminalStderr,
    "wasi:clocks/monotonic-clock": monotonicClock,
    "wasi:clocks/timezone": timezone,
    "wasi:clocks/wall-clock": wallClock,
    "wasi:filesystem/preopens": files.preopens,
    "wasi:filesystem/types": files.types,
    "wasi:http/outgoing-handler": outgoingHandler(granted, refused),
    "wasi:http/types": {
      Fields, FutureIncomingResponse, FutureTrailers, IncomingBody, IncomingRequest, IncomingResponse, OutgoingBody, OutgoingRequest, OutgoingResponse,
      RequestOptions, ResponseOutparam, httpErrorCode,
    },
    "wasi:io/error": { Error: IoError },
    "wasi:io/poll": { Pollable, poll },
    "wasi:io/streams": { InputStream, OutputStream },
    "wasi:random/insecure": insecure,
    "wasi:random/insecure-seed": insecureSeed,
    "wasi:random/random": random,
    "wasi:sockets/instance-network": net.instanceNetwork,
    "wasi:sockets/ip-name-lookup": net.ipNameLookup,
    "wasi:sockets/network": net.network,
    "wasi:sockets/tcp": net.tcp,
    "wasi:sockets/tcp-create-socket": net.tcpCreateSocket,
    "wasi:sockets/udp": net.udp,
    "wasi:sockets/udp-create-socket": net.udpCreateSocket,
  };
  const line = agentLine(outside, options.agentDir);
  const topics = messaging(line, refused);
  const also = more?.(options, files);
  const reset = () => {
    topics.reset();
    outside.endAll();
    files.reset();
  };
  return {
    interfaces: { ...interfaces, ...also?.interfaces, ...extras(options, outside, refused), "lichen:messaging/topics": topics.interface, "lichen:metrics/instruments": metrics(line) },
    reset,
    drained: () => also?.drained(),
    close() {
      reset();
      files.close();
    },
  };
}

/** Capabilities beyond WASI's own worlds: standard proposals first, then what boards have. */
function extras({ grants, stderr }: ImportOptions, net: Net, refused: (what: string) => void): object {
  const { programs = {}, deviceRoot: root = "/" } = grants;
  const stores = keyvalue(grants.stores ?? [], refused);
  const config = configStore(grants.config ?? {});
  return {
    "lichen:gpio/lines": gpio(grants.gpio ?? [], refused, join(root, GPIO_ROOT)),
    "lichen:i2c/bus": i2c(grants.i2c ?? [], programs, refused),
    "lichen:onewire/devices": onewire(grants.onewire ?? [], refused, root),
    "lichen:spi/devices": spi(grants.spi ?? [], programs, refused, root),
    "lichen:uart/ports": uart(grants.uart ?? [], { programs, net, refused, root }),
    "wasi:config/store": config,
    "wasi:config/runtime": config,
    "wasi:keyvalue/atomics": stores.atomics,
    "wasi:keyvalue/batch": stores.batch,
    "wasi:keyvalue/store": stores.store,
    "wasi:logging/logging": logging(stderr),
  };
}

/** What an error of a body stream was in HTTP. */
function httpErrorCode(error: IoError) {
  const tag = /^http:(.+)$/.exec(error.code ?? "")?.[1];
  if (tag === undefined || tag === "internal-error") return error.code?.startsWith("http") === true ? { tag: "internal-error", val: error.toDebugString() } : undefined;
  return { tag };
}

function grantedNetwork({ grants, addresses }: ImportOptions, net: Net, refused: (what: string) => void): Granted | undefined {
  const { outbound = "", listening = "" } = grants;
  if (outbound === "" && listening === "") return undefined;
  return {
    net,
    outbound: outboundOf(parseEndpoints(outbound)),
    listening: parseListening(listening),
    addresses,
    refused,
  };
}

/** The pod's log says which capability was asked for and refused; the guest has only an error code. */
function noteOnce(stderr: Sink): (what: string) => void {
  const told = new Set<string>();
  return (what) => {
    if (told.has(what)) return;
    told.add(what);
    stderr.write(Buffer.from(`lichen: the component asked for ${what}, which is not granted to this pod\n`));
  };
}
