/**
 * The content of an image as a mount, for image volumes (KEP-4639): a read-only snapshot on top of the image's layers, which
 * containerd keeps as long as it exists. CRI can do this since containerd 2.1; this way it works with each one, and a
 * subPath of an image is handled like that of any volume.
 */
import type { ImageOnDevice, MountSource } from "../runtime.ts";
import type { Cri } from "./cri.ts";
import { GRPC, GrpcError } from "./grpc.ts";
import { LABEL } from "./labels.ts";
import type { M } from "./messages.ts";

export interface ImageViews {
  /** idempotent for one pod and name. @throws GrpcError */
  mountOf(image: ImageOnDevice, podUid: string, name: string): Promise<MountSource>;
  /** removes those of a pod; nothing may be mounted from them any more */
  remove(podUid: string): Promise<void>;
}

export function imageViews(cri: Cri, snapshotter: string): ImageViews {
  return {
    async mountOf(image, podUid, name) {
      const { info = {} } = await cri.call("ImageStatus", { image: { image: image.id }, verbose: true });
      const { chainID: parent } = JSON.parse(info["info"] ?? "{}") as { readonly chainID?: string };
      if (parent === undefined) throw new Error(`containerd does not say what layers the image ${image.tags[0] ?? image.id} has`);
      const key = `lichen-${podUid}-${name}`;
      // the label keeps containerd's garbage collection away from it
      const labels = { [LABEL.podUid]: podUid, "containerd.io/gc.root": "lichen" };
      try {
        return first(await cri.call("View", { snapshotter, key, parent, labels }));
      } catch (error) {
        if (!(error instanceof GrpcError && error.code === GRPC.alreadyExists)) throw error;
        return first(await cri.call("Mounts", { snapshotter, key }));
      }
    },
    async remove(podUid) {
      for (const key of await cri.snapshots(snapshotter, `labels."${LABEL.podUid}"==${podUid}`)) await cri.call("Remove", { snapshotter, key });
    },
  };
}

/** A read-only snapshot is one mount: an overlay of its layers, or the directory of the only one. */
function first({ mounts = [] }: M<"SnapshotMounts">): MountSource {
  const [{ type = "", source = "", options = [] } = {}] = mounts;
  // mount(8) has no type "bind": the option says it
  return { type: type === "bind" ? "none" : type, source, options: [...new Set([...options, "ro"])] };
}
