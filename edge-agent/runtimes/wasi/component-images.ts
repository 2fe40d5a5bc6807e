/** The components on this device: pulled as signed modules, found by reference and by digest, and handed to processes. */
import { readFileSync } from "node:fs";
import { unpackBundle } from "../../../wasm-runtime/bundle.ts";
import { needsOf } from "../../../wasm-runtime/capabilities.ts";
import type { CachedModule, ModuleCache } from "../../../wasm-runtime/modules.ts";
import { isSigned } from "../../../wasm-runtime/process.ts";
import type { LinkedModule, StartOptions } from "../../../wasm-runtime/start-options.ts";
import { ImageError } from "../runtime.ts";
import type { Runtime } from "../runtime.ts";
import type { ComponentSource } from "./component-source.ts";
import type { Part } from "./composition.ts";
import { imageOf } from "./image-of.ts";
import type { ContainerRecord } from "./state.ts";

export interface ComponentImages extends Pick<Runtime, "image" | "pullImage" | "images" | "removeImage"> {
  /** what a container's process runs. @throws Error when it is no longer here */
  moduleOf(record: ContainerRecord): Pick<StartOptions, "module" | "linked" | "world" | "publicKeys">;
  /** it runs, and is not old */
  touch(record: ContainerRecord): void;
  importsOf(componentDigest: string): readonly string[];
  /** undefined: it is not on the device */
  componentOf(reference: string): { readonly componentDigest: string; readonly interfaces: NonNullable<Part["interfaces"]> } | undefined;
}

interface Means {
  readonly cache: ModuleCache;
  readonly source: ComponentSource;
  /** PEM (SPKI); asked for each time, because keys are rotated */
  readonly publicKeys: () => readonly string[];
}

export function componentImages({ cache, source, publicKeys }: Means): ComponentImages {
  const signed = ({ moduleDigest, componentDigest, signature }: CachedModule) => ({ path: cache.pathOf(moduleDigest), moduleDigest, componentDigest, signature });

  function present(componentDigest: string, absent: string): CachedModule {
    const module = cache.byDigest(componentDigest);
    if (module === undefined) throw new Error(`${absent} is no longer on the device: pull it again`);
    return module;
  }

  const librariesOf = ({ linked = [], image }: ContainerRecord): LinkedModule[] =>
    linked.map(({ componentDigest, memoryLimitBytes }) => ({ module: signed(present(componentDigest, `a component that ${image} imports from`)), memoryLimitBytes }));

  return {
    image(reference) {
      const module = cache.get(reference);
      return Promise.resolve(module === undefined ? undefined : imageOf(module));
    },

    async pullImage(reference, { pod, secrets, signal }) {
      const { descriptor, bytes } = await source.fetch(reference, { secrets, signal });
      const alone = (pod.spec?.containers.length ?? 0) + (pod.spec?.initContainers?.length ?? 0) < 2;
      if (alone) refuseParts(reference, descriptor, bytes);
      if (!isSigned(descriptor, publicKeys())) {
        throw new ImageError("SignatureValidationFailed", `the module of ${reference} is not signed by a key this device trusts: enroll the device with the server that made it`);
      }
      try {
        return imageOf(cache.put(reference, descriptor, bytes));
      } catch (error) {
        throw new ImageError("ErrImagePull", `the module of ${reference} could not be kept: ${(error as Error).message}`, error);
      }
    },

    images: () => Promise.resolve(cache.list().map(imageOf)),
    removeImage: (id) => Promise.resolve(cache.remove(id)),

    moduleOf(record) {
      const module = present(record.componentDigest, `the module of ${record.image}`);
      return { module: signed(module), linked: librariesOf(record), world: module.world, publicKeys: publicKeys() };
    },

    touch(record) {
      const module = cache.byDigest(record.componentDigest);
      if (module !== undefined) cache.touch(module.moduleDigest);
    },

    importsOf: (componentDigest) => cache.byDigest(componentDigest)?.imports ?? [],

    componentOf(reference) {
      const module = cache.get(reference);
      return module === undefined ? undefined : { componentDigest: module.componentDigest, interfaces: unpackBundle(readFileSync(cache.pathOf(module.moduleDigest))).header };
    },
  };
}

/** A component that needs others, or serves others only, in a pod without any. @throws ImageError */
function refuseParts(reference: string, { imports }: { readonly imports: readonly string[] }, bytes: Uint8Array): void {
  try {
    needsOf({ imports, exports: unpackBundle(bytes).header.exports });
  } catch (error) {
    throw new ImageError("ErrImagePull", `${reference}: ${(error as Error).message}`, error);
  }
}
