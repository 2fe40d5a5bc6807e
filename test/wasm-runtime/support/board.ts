/**
 * A board that is a directory: dev and sys as Linux shows them, and the programs that reach devices by ioctl replaced by ones
 * that play the chip behind them. The serial port is a real terminal of the kernel (a pty).
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

export interface Board {
  readonly root: string;
  /** the serial port's other end: `hear` is called with what is sent, `say` sends */
  serial(hear: (text: string, say: (text: string) => void) => void): Promise<void>;
  write(path: string, text: string): void;
  read(path: string): string;
  /** a program that the device does not have */
  uninstall(program: string): void;
}

/** i2ctransfer -y BUS DESCRIPTION [DATA]…: a chip with 8-bit registers at address 0x48 of bus 1 */
const I2C = `#!/bin/sh
chip="\${0%/usr/sbin/*}/chip"
[ "$1" = -y ] || exit 1
bus=$2; shift 2
[ "$bus" = 1 ] || { echo "Error: Could not open file \\\`/dev/i2c-$bus' or \\\`/dev/i2c/$bus': No such file or directory" >&2; exit 1; }
while [ $# -gt 0 ]; do
  what=$1; shift
  case $what in *@*) address=\${what#*@}; what=\${what%@*};; esac
  [ "$address" = 0x48 ] || { echo "Error: Sending messages failed: Remote I/O error" >&2; exit 1; }
  count=\${what#?}
  case $what in
    w*) pointer=$(($1)); shift; count=$((count - 1))
        while [ $count -gt 0 ]; do printf %d "$1" > "$chip/$pointer"; pointer=$((pointer + 1)); count=$((count - 1)); shift; done;;
    r*) while [ $count -gt 0 ]; do printf '0x%02x ' "$(cat "$chip/$pointer" 2>/dev/null || echo 0)"; pointer=$((pointer + 1)); count=$((count - 1)); done; echo;;
  esac
done
`;

const SPI_CONFIG = `#!/bin/sh
printf '%s' "$4" > "\${0%/usr/bin/*}/chip/spi-mode"
`;

/** spi-pipe -d DEVICE -s SPEED -b BYTES -n 1: a flash chip that answers the command 9f with its id, and the rest with 00 */
const SPI_PIPE = `#!/bin/sh
chip="\${0%/usr/bin/*}/chip"
[ "$(cat "$chip/spi-mode")" = 0 ] || { echo 'ioctl: Input/output error' >&2; exit 1; }
set -- $(od -An -v -tx1)
[ "$1" = 9f ] && printf '\\377\\357\\100\\030' || printf '%*s' $# '' | tr ' ' '\\000'
`;

export function board(t: Pick<ExecutionContext, "teardown">): Board {
  const root = mkdtempSync(join(tmpdir(), "board-"));
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  write("usr/sbin/i2ctransfer", I2C, 0o755);
  write("usr/bin/spi-config", SPI_CONFIG, 0o755);
  write("usr/bin/spi-pipe", SPI_PIPE, 0o755);
  const stty = ["/usr/bin/stty", "/bin/stty"].find((path) => existsSync(path));
  if (stty !== undefined) symlinkSync(stty, join(root, "usr/bin/stty"));
  mkdirSync(join(root, "chip"));
  write("dev/spidev0.0", "");
  let terminal: ChildProcess | undefined;
  t.teardown(() => {
    terminal?.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  });
  return {
    root,
    write: (path, text) => write(path, text),
    read: (path) => readFileSync(join(root, path), "utf8"),
    uninstall: (program) => rmSync(join(root, program)),
    async serial(hear) {
      // script (util-linux) makes a pty, and is its other end; what runs in it tells the name and keeps it open
      const holder = spawn("script", ["-qfec", "tty; exec sleep 3600", "/dev/null"], { stdio: ["pipe", "pipe", "ignore"], detached: true });
      t.teardown(() => process.kill(-(holder.pid ?? 0), "SIGKILL"));
      terminal = holder;
      const [name] = (await once(holder.stdout, "data")) as [Buffer];
      symlinkSync(name.toString().trim(), join(root, "dev/ttyUSB0"));
      holder.stdout.on("data", (text: Buffer) => hear(text.toString(), (answer) => void holder.stdin.write(answer)));
    },
  };
}
