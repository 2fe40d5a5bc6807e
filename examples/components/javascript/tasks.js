// Does what its arguments say, all at once, and prints what each has done when it is done (WASI 0.3):
//   wait:MILLISECONDS   list:DIRECTORY   read:FILE   write:FILE:TEXT   size:FILE
import environment from "wasi:cli/environment@0.3.0";
import stdout from "wasi:cli/stdout@0.3.0";
import clock from "wasi:clocks/monotonic-clock@0.3.0";
import preopens from "wasi:filesystem/preopens@0.3.0";

const bytesOf = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const textOf = (bytes) => String.fromCharCode(...bytes);

/** A future's result: its value, or thrown. */
async function ok(future) {
  const result = await future.read();
  if (result.tag === "err") throw result.val;
}

/** A path is relative to the volume that it begins with. */
function open(path, openFlags, flags) {
  for (const [directory, root] of preopens.getDirectories()) {
    if (path === root) return directory;
    if (path.startsWith(`${root}/`)) return directory.openAt({ symlinkFollow: true }, path.slice(root.length + 1), openFlags, flags);
  }
  throw { tag: "no-entry" };
}

const tasks = {
  async wait(milliseconds) {
    await clock.waitFor(Number(milliseconds) * 1_000_000);
    return `waited ${milliseconds}`;
  },
  async read(path) {
    const file = await open(path, {}, { read: true });
    const [stream, end] = file.readViaStream(0);
    let text = "";
    for await (const bytes of stream) text += textOf(bytes);
    await ok(end);
    return `${path}: ${text}`;
  },
  async write(path, text) {
    const file = await open(path, { create: true, truncate: true }, { write: true });
    await ok(file.writeViaStream([bytesOf(text)], 0));
    return `wrote ${path}`;
  },
  async list(path) {
    const directory = await open(path, { directory: true }, { read: true });
    const [stream, end] = directory.readDirectory();
    const names = [];
    for await (const entry of stream) names.push(`${entry.name} (${entry.type.tag})`);
    await ok(end);
    return `${path} has ${names.toSorted().join(", ")}`;
  },
  async size(path) {
    const file = await open(path, {}, { read: true });
    return `${path} has ${(await file.stat()).size} bytes`;
  },
};

export const run = {
  async run() {
    const { readable, writable } = wit.Stream(wit.Stream.U8);
    const written = stdout.writeViaStream(readable);
    let failed = false;
    const one = async (argument) => {
      const [name, ...parameters] = argument.split(":");
      const said = await tasks[name](...parameters).catch((error) => {
        failed = true;
        return `${argument}: ${(error?.payload ?? error)?.tag ?? error}`;
      });
      await writable.writeAll(bytesOf(`${said}\n`));
    };
    await Promise.all(environment.getArguments().slice(1).map(one));
    writable.drop();
    await ok(written);
    if (failed) throw undefined;
  },
};
