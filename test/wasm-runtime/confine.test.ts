import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { createCgroup } from "../../wasm-runtime/cgroup.ts";
import { confinementFor } from "../../wasm-runtime/confine.ts";
import { startComponent } from "../../wasm-runtime/process.ts";
import { command, prepared, spins } from "./support/components.ts";
import { temporaryDirectory } from "../support/lichen.ts";

const all = { setpriv: true, unshare: true };

test("a process keeps the capabilities that its ports and volumes need, no others", (t) => {
  const flags = (listen: { host: string; port: number }[], grants = {}) => confinementFor({ listen, grants }, all).command.join(" ");
  t.regex(flags([]), /--net .*--no-new-privs --bounding-set=-all --inh-caps=-all/);
  t.notRegex(flags([{ host: "127.0.0.1", port: 8080 }]), /--net|net_bind/);
  t.regex(flags([{ host: "127.0.0.1", port: 80 }]), /-all,\+net_bind_service/);
  t.regex(flags([], { listening: "udp:53" }), /net_bind_service/);
  t.notRegex(flags([], { outbound: "a.example:443" }), /--net/);
  t.regex(flags([], { preopens: [{ hostPath: "/v", guestPath: "/v", readOnly: false }] }), /\+dac_override/);
  t.deepEqual(confinementFor({ listen: [], grants: {} }, { setpriv: false, unshare: false }).command, []);
});

test("as root, a command has no capability, can gain none, and sees no network", async (t) => {
  const { options } = await prepared(t, await command(spins));
  const { pid } = await startComponent(options());
  const expected = confinementFor({ listen: [], grants: {} }).command;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  t.is(/NoNewPrivs:\t(\d)/.exec(status)?.[1], expected.includes("--no-new-privs") ? "1" : "0");
  if (expected.includes("--no-new-privs")) t.regex(status, /CapEff:\t0{16}\n/);
  t.is(readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync("/proc/self/ns/net"), !expected.includes("--net"));
});

test("limits are written as the kernel's version wants them", (t) => {
  const limits = { memoryLimitBytes: 32 << 20, cpuMillis: 250 };
  const bytes = String(192 << 20);
  const second = temporaryDirectory(t);
  writeFileSync(join(second, "cgroup.controllers"), "cpu memory");
  t.true(createCgroup("key", limits, second)?.enter(42));
  const [name = ""] = readdir(join(second, "lichen-wasi"));
  const read = (...path: string[]) => readFileSync(join(...path), "utf8");
  t.is(read(second, "lichen-wasi", name, "memory.max"), bytes);
  t.is(read(second, "lichen-wasi", name, "cpu.max"), "25000 100000");
  t.is(read(second, "lichen-wasi", name, "cgroup.procs"), "42");

  const first = temporaryDirectory(t);
  for (const controller of ["memory", "cpu"]) mkdirSync(join(first, controller));
  t.true(createCgroup("key", limits, first)?.enter(42));
  t.is(read(first, "memory/lichen-wasi", name, "memory.limit_in_bytes"), bytes);
  t.is(read(first, "cpu/lichen-wasi", name, "cpu.cfs_quota_us"), "25000");
  writeFileSync(join(first, "memory/lichen-wasi", name, "memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  t.true(createCgroup("key", limits, first)?.outOfMemory());

  const none = temporaryDirectory(t);
  t.is(createCgroup("key", limits, none), undefined);
  t.false(existsSync(join(none, "lichen-wasi")));
});

const readdir = (path: string) => readdirSync(path).filter((name) => !name.includes("."));
