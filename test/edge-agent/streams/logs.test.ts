import test from "ava";
import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../core/api/clock.ts";
import type { LogOptions } from "../../../core/api/streams.ts";
import { serveLogs } from "../../../edge-agent/streams/logs.ts";

const line = (second: number, text: string, stream = "stdout", tag = "F") => `2030-01-01T00:00:${String(second).padStart(2, "0")}.123456789Z ${stream} ${tag} ${text}\n`;
const log = [line(1, "one"), line(2, "two", "stderr"), line(3, "thr", "stdout", "P"), line(3, "ee"), line(4, ""), line(5, "five")].join("");

async function place(t: { teardown(fn: () => Promise<void>): void }, content: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lichen-logs-"));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "0.log"), content);
  return join(directory, "0.log");
}

async function read(path: string, options: LogOptions): Promise<string> {
  let text = "";
  const clock = { ...systemClock, now: () => Date.parse("2030-01-01T00:00:06Z") };
  await serveLogs({ path, alive: () => false }, options, { send: async ({ data }) => void (text += Buffer.from(data).toString()) }, clock, new AbortController().signal);
  return text;
}

for (const [what, options, expected] of [
  ["everything, pieces joined", {}, "one\ntwo\nthree\n\nfive\n"],
  ["one stream", { stream: "Stderr" }, "two\n"],
  ["the last lines", { tailLines: 2 }, "\nfive\n"],
  ["a piece of a long line counts as a line", { tailLines: 3 }, "ee\n\nfive\n"],
  ["more lines than there are", { tailLines: 99 }, "one\ntwo\nthree\n\nfive\n"],
  ["no lines", { tailLines: 0 }, ""],
  ["a number of bytes", { limitBytes: 6 }, "one\ntw"],
  ["since a time", { sinceTime: "2030-01-01T00:00:04Z" }, "\nfive\n"],
  ["since seconds ago", { sinceSeconds: 2 }, "\nfive\n"],
  ["with timestamps", { timestamps: true, tailLines: 4 }, "2030-01-01T00:00:03.123456789Z three\n2030-01-01T00:00:04.123456789Z \n2030-01-01T00:00:05.123456789Z five\n"],
] as const) {
  test(`logs: ${what}`, async (t) => {
    t.is(await read(await place(t, log), options), expected);
  });
}

test("a torn write is left out", async (t) => {
  t.is(await read(await place(t, `${line(1, "a")}torn write\n${line(2, "b")}2030-01-01T00`), {}), "a\nb\n");
});

test("tail finds the lines of a large file, across chunk borders", async (t) => {
  const lines = Array.from({ length: 20_000 }, (_, index) => line(1, `line ${index}`));
  const path = await place(t, lines.join(""));
  t.is(await read(path, { tailLines: 3 }), "line 19997\nline 19998\nline 19999\n");
  t.is((await read(path, { tailLines: 15_000 })).split("\n").length, 15_001);
});

test("rotated files come first, and tail reaches into them", async (t) => {
  const path = await place(t, line(2, "new"));
  await writeFile(`${path}.20300101-000001`, line(1, "old-1") + line(1, "old-2"));
  t.is(await read(path, {}), "old-1\nold-2\nnew\n");
  t.is(await read(path, { tailLines: 2 }), "old-2\nnew\n");
});

test("a follower sees what is written, also after rotation, and ends with the container", async (t) => {
  const path = await place(t, line(1, "first"));
  let alive = true;
  let text = "";
  let arrived: (() => void) | undefined;
  const following = serveLogs({ path, alive: () => alive }, { follow: true }, {
    async send({ data }) {
      text += Buffer.from(data).toString();
      arrived?.();
    },
  }, systemClock, new AbortController().signal);
  const holdTimers = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(holdTimers));
  const until = async (wanted: string) => {
    while (!text.endsWith(wanted)) await new Promise<void>((resolve) => (arrived = resolve));
  };
  await until("first\n");
  await appendFile(path, line(2, "second"));
  await until("second\n");
  await rename(path, `${path}.20300101-000002`);
  await writeFile(path, line(3, "third"));
  await until("third\n");
  alive = false;
  await appendFile(path, line(4, "last"));
  await following;
  t.is(text, "first\nsecond\nthird\nlast\n");
});
