/** All that a component can import, by the names the glue asks for. */
import { cli } from "./cli.ts";
import type { CliOptions } from "./cli.ts";
import { monotonicClock, timezone, wallClock } from "./clocks.ts";
import { filesystem } from "./filesystem.ts";
import { httpTypes, outgoingHandler } from "./http-types.ts";
import { InputStream, IoError, OutputStream, poll, Pollable } from "./io.ts";
import type { Sink } from "./io.ts";
import { insecure, insecureSeed, random } from "./random.ts";
import { sockets } from "./sockets.ts";
import type { Grants } from "./spec.ts";

export function importsFor(options: CliOptions & { readonly grants: Grants }): object {
  const commands = cli(options);
  const files = filesystem(options.grants.preopens ?? []);
  const refused = noteOnce(options.stderr);
  const net = sockets(refused);
  return {
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
    "wasi:http/outgoing-handler": outgoingHandler(refused),
    "wasi:http/types": httpTypes,
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
