/**
 * What the server wants this device to run, kept on the device's own disk: an agent boots and works from here whether
 * there is a network or not. Two generations with checksums, because a power cut while writing is ordinary at the edge.
 * Nothing is written unless something changed: flash wears, and an idle device has nothing to say.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "../core/api/log.ts";
import type { AnyObject, KubeObject } from "../core/api/meta.ts";
import type { Pod } from "../core/api/types.gen.ts";
import type { Have, ObjectKey } from "../core/wire/messages.ts";
import { replaceFile } from "./disk.ts";
import { onceMore } from "./once-more.ts";

export interface DesiredChange {
  readonly full: boolean;
  readonly put: readonly AnyObject[];
  readonly drop: readonly ObjectKey[];
}

export interface Desired {
  /** false: this device was never told anything, so nothing may be concluded from an empty set */
  known(): boolean;
  pods(): readonly Pod[];
  pod(uid: string): Pod | undefined;
  /** `resource` as in object keys: "v1/configmaps" */
  get(resource: string, namespace: string, name: string): AnyObject | undefined;
  list(resource: string): readonly AnyObject[];
  have(): readonly Have[];
  /** the change holds at once; resolves when it is on disk */
  apply(change: DesiredChange): Promise<void>;
  onChange(listener: () => void): void;
}

/** Where sets are kept; tests and simulations keep them in memory. */
export interface DesiredFile {
  read(): Promise<readonly AnyObject[] | undefined>;
  write(objects: readonly AnyObject[]): Promise<void>;
}

export async function openDesired(file: DesiredFile, log: Log): Promise<Desired> {
  let known = false;
  const objects = new Map<string, AnyObject>();
  const listeners: (() => void)[] = [];
  let podsByUid = new Map<string, Pod>();
  let writing: Promise<void> = Promise.resolve();

  const index = () => {
    podsByUid = new Map([...objects].flatMap(([key, object]) => (key.startsWith("v1/pods\n") ? [[object.metadata.uid ?? "", object as Pod] as const] : [])));
  };
  const save = onceMore(() => file.write([...objects.values()]).catch((error: unknown) => log.error({ error: String(error) }, "the desired state could not be saved; a restart falls back to the last one saved")));
  const stored = await file.read();
  if (stored !== undefined) {
    known = true;
    for (const object of stored) objects.set(keyText(keyOf(object)), object);
    index();
  }

  return {
    known: () => known,
    pods: () => [...podsByUid.values()],
    pod: (uid) => podsByUid.get(uid),
    get: (resource, namespace, name) => objects.get(keyText([resource, namespace, name])),
    list: (resource) => [...objects].flatMap(([key, object]) => (key.startsWith(`${resource}\n`) ? [object] : [])),
    have: () =>
      [...objects.values()].map((object) => [...keyOf(object), object.metadata.uid ?? "", object.metadata.resourceVersion ?? ""] as const),
    apply({ full, put, drop }) {
      let changed = !known;
      known = true;
      const kept = new Set(put.map((object) => keyText(keyOf(object))));
      if (full) {
        for (const key of objects.keys()) if (!kept.has(key) && objects.delete(key)) changed = true;
      }
      for (const key of drop) if (objects.delete(keyText(key))) changed = true;
      for (const object of put) {
        const key = keyText(keyOf(object));
        const before = objects.get(key);
        if (before !== undefined && same(before, object)) continue;
        objects.set(key, object);
        changed = true;
      }
      if (!changed) return writing;
      index();
      writing = save();
      for (const listener of listeners) listener();
      return writing;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

export function memoryFile(initial?: readonly AnyObject[]): DesiredFile {
  let kept = initial;
  return {
    read: async () => kept,
    write: async (objects) => {
      kept = objects;
    },
  };
}

/** File of format `{"sha256": …, "objects": […]}` with the previous one beside it. Mode 0600: it holds Secrets. */
export function diskFile(path: string, log: Log): DesiredFile {
  const previous = `${path}.previous`;
  /** the newest generation was written by this process, or read and found whole */
  let whole = false;
  const load = async (file: string): Promise<readonly AnyObject[] | undefined> => {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const { sha256, objects } = JSON.parse(text) as { readonly sha256?: unknown; readonly objects?: unknown };
      if (!Array.isArray(objects) || sha256 !== digest(JSON.stringify(objects))) throw new Error("checksum does not match");
      return objects as readonly AnyObject[];
    } catch (error) {
      log.warn({ file, error: String(error) }, "saved desired state is damaged; ignoring it");
      return undefined;
    }
  };
  return {
    async read() {
      const newest = await load(path);
      whole = newest !== undefined;
      return newest ?? load(previous);
    },
    async write(objects) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const body = JSON.stringify(objects);
      // a damaged newest generation must not push out the good older one
      const kept = whole;
      whole = false;
      if (kept) await rename(path, previous).catch(missing);
      await replaceFile(path, `{"sha256":"${digest(body)}","objects":${body}}`);
      whole = true;
    },
  };
}

function missing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** Plurals that are not the kind in lower case with an "s". */
const PLURALS: { readonly [kind: string]: string } = {
  RuntimeClass: "runtimeclasses",
  StorageClass: "storageclasses",
  NetworkPolicy: "networkpolicies",
  EndpointSlice: "endpointslices",
};

export function keyOf(object: KubeObject): ObjectKey {
  const plural = PLURALS[object.kind] ?? `${object.kind.toLowerCase()}s`;
  return [`${object.apiVersion}/${plural}`, object.metadata.namespace ?? "", object.metadata.name ?? ""];
}

function keyText(key: ObjectKey): string {
  return key.join("\n");
}

function same(a: AnyObject, b: AnyObject): boolean {
  const versions = [a.metadata.resourceVersion, b.metadata.resourceVersion];
  if (a.metadata.uid === b.metadata.uid && versions[0] !== undefined && versions[0] === versions[1]) return true;
  return JSON.stringify(a) === JSON.stringify(b);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
