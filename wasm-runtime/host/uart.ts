/**
 * lichen:uart/ports: serial ports as streams. The line's settings need an ioctl, so stty (coreutils) makes them on the opened
 * port; bytes then travel through the thread that has an event loop, as those of sockets do.
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { deviceFailure, deviceFailureOf } from "./device-error.ts";
import { runDeviceProgram } from "./device-program.ts";
import type { Programs } from "./device-program.ts";
import type { InputStream, OutputStream } from "./io.ts";
import type { Net } from "./net.ts";
import { Connection } from "./net-stream.ts";

interface Settings {
  readonly baud: number;
  readonly dataBits: number;
  readonly parity: "none" | "even" | "odd";
  readonly stopBits: number;
  readonly flowControl: boolean;
}

export interface UartParts {
  readonly programs: Programs;
  readonly net: Net;
  readonly refused: (what: string) => void;
  /** of the tree that has dev in it */
  readonly root: string;
}

const parities = { none: ["-parenb"], even: ["parenb", "-parodd"], odd: ["parenb", "parodd"] } as const;

/** Bytes as they are, no modem lines waited for (termios(3): cfmakeraw, CLOCAL, CREAD). */
function argumentsOf({ baud, dataBits, parity, stopBits, flowControl }: Settings): readonly string[] {
  if (baud === 0 || dataBits < 5 || dataBits > 8 || stopBits < 1 || stopBits > 2) throw deviceFailure("invalid");
  // "raw" sets eight bits without parity, so it comes first
  return ["raw", "-echo", "-echoe", "-echok", String(baud), "clocal", "cread", `cs${dataBits}`, stopBits === 2 ? "cstopb" : "-cstopb", ...parities[parity], flowControl ? "crtscts" : "-crtscts"];
}

export function uart(grants: readonly string[], { programs, net, refused, root }: UartParts) {
  function opened(port: string): number {
    const path = join(root, "dev", port);
    try {
      // O_NOCTTY: it must not become the terminal that ends this process
      const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      if (fstatSync(fd).isCharacterDevice()) return fd;
      closeSync(fd);
    } catch (error) {
      throw deviceFailureOf(error);
    }
    throw deviceFailure("missing");
  }

  return {
    open(port: string, settings: Settings): [InputStream, OutputStream] {
      if (!grants.includes(port)) {
        refused(`the serial port ${port.slice(0, 64)}`);
        throw deviceFailure("denied");
      }
      const args = argumentsOf(settings);
      const fd = opened(port);
      try {
        // a rate or a line that this port cannot have
        if (runDeviceProgram(programs, "stty", args, { fd }).status !== 0) throw deviceFailure("invalid");
        const connection = new Connection(net, net.begin({ op: "serial", fd }, (word) => connection.hear(word)), (code) => code);
        let open = 2;
        const closed = () => {
          if (--open === 0) net.end(connection.id);
        };
        return [connection.input(closed), connection.output(closed)];
      } catch (error) {
        closeSync(fd);
        throw deviceFailureOf(error);
      }
    },
  };
}
