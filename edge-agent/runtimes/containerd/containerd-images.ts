/** Images through CRI: pulled with each secret in turn, and told apart by why they could not be. */
import { ImageError, type ImageOnDevice, type Runtime } from "../runtime.ts";
import type { Cri } from "./cri.ts";
import { GRPC, GrpcError } from "./grpc.ts";
import type { M } from "./messages.ts";
import { PAUSE_IMAGE } from "./pause-image.ts";
import { rpcText } from "./rpc-text.ts";

export function containerdImages(cri: Cri): Pick<Runtime, "image" | "pullImage" | "images" | "removeImage"> {
  return {
    async image(reference) {
      const { image } = await cri.call("ImageStatus", { image: { image: reference } });
      return image === undefined ? undefined : imageOf(image);
    },
    async pullImage(reference, { secrets, signal }) {
      let failure: unknown;
      // one after the other: which secret fits is known only by trying
      for (const auth of secrets.length === 0 ? [undefined] : secrets) {
        try {
          const { image_ref = "" } = await cri.call(
            "PullImage",
            {
              image: { image: reference },
              ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password, identity_token: auth.identityToken } }),
            },
            { signal },
          );
          const { image } = await cri.call("ImageStatus", { image: { image: image_ref } });
          if (image === undefined) throw new ImageError("ImageInspectError", `Failed to inspect image "${reference}": it vanished after the pull`);
          return imageOf(image);
        } catch (error) {
          failure = error;
        }
      }
      throw imageError(reference, failure);
    },
    async images() {
      const { images = [] } = await cri.call("ListImages", {});
      return images.map(imageOf);
    },
    async removeImage(id) {
      await cri.call("RemoveImage", { image: { image: id } });
    },
  };
}

/** containerd marks what is needed for sandboxes since 1.7 only. */
function imageOf(image: M<"Image">): ImageOnDevice {
  const user = image.username !== undefined && image.username !== "" ? { name: image.username } : { uid: image.uid?.value ?? 0 };
  return { id: image.id ?? "", tags: image.repo_tags ?? [], digests: image.repo_digests ?? [], sizeBytes: image.size ?? 0, pinned: image.pinned === true || (image.repo_tags ?? []).includes(PAUSE_IMAGE), user };
}

function imageError(reference: string, error: unknown): unknown {
  if (error instanceof ImageError || !(error instanceof GrpcError)) return error;
  if (/invalid reference format|failed to parse/.test(error.message)) return new ImageError("InvalidImageName", `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`, error);
  // a code that says nothing is left out, as kubelet does
  return new ImageError("ErrImagePull", error.code === GRPC.unknown ? error.message : rpcText(error), error);
}
