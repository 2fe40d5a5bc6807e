/** The examples that use what a board has, each as a pod on a device whose board is a directory. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { board } from "./support/board.ts";
import type { Board } from "./support/board.ts";
import { runToEnd } from "./support/pods.ts";

interface Ran {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const sensor = "28-00000a3b2c1d";

/** Runs an example to its end as a pod's only container. */
const run = async (t: ExecutionContext, on: Board, name: string, args: readonly string[], grants: Record<string, string>, devices: readonly string[] = []): Promise<Ran> => {
  const annotations = Object.fromEntries(Object.entries(grants).map(([grant, value]) => [`wasi.lichen.dev/${grant}`, value]));
  const nodes = devices.map((path) => ({ containerPath: path, hostPath: join(on.root, path), permissions: "rw" }));
  return runToEnd(t, name, { args, annotations, devices: nodes, deviceRoot: on.root });
};

test("I2C: registers are written and read", async (t) => {
  const on = board(t);
  on.write("chip/5", "18");
  on.write("chip/6", "52");
  t.like(await run(t, on, "c/i2c", ["1", "0x48", "5"], { i2c: "1:0x48" }), { code: 0, stdout: "register 5: 4660\n" });
  t.like(await run(t, on, "c/i2c", ["1", "0x48", "5", "255"], { i2c: "1:*" }), { code: 0, stdout: "register 5: 65332\n" });
  t.is(on.read("chip/5"), "255");
});

test("I2C: who does not answer, what is not there and what is not granted are told apart", async (t) => {
  const on = board(t);
  t.like(await run(t, on, "c/i2c", ["1", "0x49", "5"], { i2c: "1:0x49" }), { code: 1, stderr: "read: no answer\n" });
  t.like(await run(t, on, "c/i2c", ["2", "0x48", "5"], { i2c: "2:0x48" }), { code: 1, stderr: "read: missing\n" });
  t.like(await run(t, on, "c/i2c", ["1", "0x78", "5"], { i2c: "1:*" }), { code: 1, stderr: "read: invalid\n" });
  const denied = await run(t, on, "c/i2c", ["1", "0x50", "5"], { i2c: "1:0x48" });
  t.is(denied.code, 1);
  t.regex(denied.stderr, /asked for I2C address 0x50 of bus 1, which is not granted.*\nread: denied/);
});

test("SPI: bytes go out while others come in", async (t) => {
  const on = board(t);
  t.like(await run(t, on, "c/spi", ["0.0"], { spi: "0.0" }), { code: 0, stdout: "id ef 40 18\n" });
  t.is(on.read("chip/spi-mode"), "0");
  t.like(await run(t, on, "c/spi", ["0.1"], { spi: "0.1" }), { code: 1, stderr: "transfer: missing\n" });
  t.regex((await run(t, on, "c/spi", ["0.1"], { spi: "0.0" })).stderr, /SPI device 0.1, which is not granted/);
});

test("UART: a line goes out and one comes back", async (t) => {
  const on = board(t);
  const heard: string[] = [];
  await on.serial((text, say) => {
    heard.push(text);
    if (heard.join("").endsWith("\n")) say(`you said ${heard.join("")}`);
  });
  t.like(await run(t, on, "c/uart", ["ttyUSB0", "9600", "ping"], { uart: "ttyUSB0" }), { code: 0, stdout: "you said ping\n" });
  t.like(await run(t, on, "c/uart", ["ttyUSB0", "12345", "ping"], { uart: "ttyUSB0" }), { code: 1, stderr: "open: invalid\n" });
  t.like(await run(t, on, "c/uart", ["ttyUSB7", "9600", "ping"], { uart: "ttyUSB7" }), { code: 1, stderr: "open: missing\n" });
  t.regex((await run(t, on, "c/uart", ["ttyUSB0", "9600", "ping"], {})).stderr, /the serial port ttyUSB0, which is not granted/);
});

test("one-wire: sensors that are granted are found and read", async (t) => {
  const on = board(t);
  on.write(`sys/bus/w1/devices/${sensor}/w1_slave`, "4d 01 55 05 7f a5 a5 66 2c : crc=2c YES\n4d 01 55 05 7f a5 a5 66 2c t=20812\n");
  on.write("sys/bus/w1/devices/28-0000000000ff/w1_slave", "ff ff ff ff ff ff ff ff ff : crc=c9 NO\nff ff ff ff ff ff ff ff ff t=-62\n");
  on.write("sys/bus/w1/devices/10-000802b4c2d1/w1_slave", "00 : crc=00 YES\n00 t=-1250\n");
  on.write("sys/bus/w1/devices/w1_bus_master1/w1_master_name", "w1 bus master\n");
  t.like(await run(t, on, "c/onewire", [], { onewire: "28-*" }), { code: 0, stdout: `28-0000000000ff: wrong checksum\n${sensor}: 20812 thousandths of a degree\n` });
  t.like(await run(t, on, "c/onewire", [], { onewire: "10-000802b4c2d1" }), { code: 0, stdout: "10-000802b4c2d1: -1250 thousandths of a degree\n" });
  t.like(await run(t, on, "c/onewire", [], {}), { code: 1, stdout: "" });
});

test("GPIO: a line follows another", async (t) => {
  const on = board(t);
  for (const line of [17, 27]) {
    on.write(`sys/class/gpio/gpio${line}/direction`, "in\n");
    on.write(`sys/class/gpio/gpio${line}/value`, "1\n");
  }
  t.like(await run(t, on, "c/gpio", ["17", "27"], { gpio: "17:in, 27:out" }), { code: 0, stdout: "line 27 follows line 17: high\n" });
  t.is(on.read("sys/class/gpio/gpio27/direction"), "out");
});

test("devices that were allocated as extended resources are granted", async (t) => {
  const on = board(t);
  on.write("chip/5", "1");
  t.like(await run(t, on, "c/i2c", ["1", "0x48", "5"], {}, ["/dev/i2c-1"]), { code: 0, stdout: "register 5: 256\n" });
  t.like(await run(t, on, "c/spi", ["0.0"], {}, ["/dev/spidev0.0"]), { code: 0, stdout: "id ef 40 18\n" });
  await on.serial((text, say) => say(text));
  t.like(await run(t, on, "c/uart", ["ttyUSB0", "115200", "echo"], {}, ["/dev/ttyUSB0"]), { code: 0, stdout: "echo\n" });
});

test("a device without the program that a grant needs says which, and what to install", async (t) => {
  const on = board(t);
  on.uninstall("usr/sbin/i2ctransfer");
  await t.throwsAsync(run(t, on, "c/i2c", ["1", "0x48", "5"], { i2c: "1:0x48" }), { message: "the i2c grant needs the program i2ctransfer, which this device does not have: install i2c-tools on it" });
});

test("stores, configuration and logs: the examples that need no board", async (t) => {
  const on = board(t);
  t.like(await run(t, on, "c/keyvalue", ["starts"], { keyvalue: "starts" }), { code: 0, stdout: "start 1\n" });
  t.like(await run(t, on, "c/keyvalue", ["starts"], {}), { code: 1 });
  const configured = await runToEnd(t, "c/config", { args: ["mode"], annotations: { "config.wasi.lichen.dev/mode": "fast" } });
  t.deepEqual([configured.code, configured.stderr], [0, "INFO mode: fast\n"]);
  t.like(await runToEnd(t, "c/config", { args: ["mode"] }), { code: 1, stderr: "ERROR mode: is not configured\n" });
});

test("every WIT file of ours has an example that this file runs", (t) => {
  const here = readFileSync(new URL(import.meta.url), "utf8");
  const others = readFileSync(new URL("agent-line.test.ts", import.meta.url), "utf8");
  const worlds = readFileSync(new URL("../../examples/components/c/worlds.wit", import.meta.url), "utf8");
  for (const [, world] of worlds.matchAll(/^world (\w+) \{/gm)) t.true((here + others).includes(`"c/${world}"`), world);
});
