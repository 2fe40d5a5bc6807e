/** The two clusters of the suite: a control plane alone, and one with a device that runs containers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage } from "../../support/busybox-image.ts";
import { lichen, lichenUp, type Teardown, temporaryDirectory } from "../../support/lichen.ts";

/** The image of every container in the suite, and one with an entrypoint and arguments of its own. */
export const BUSYBOX = "registry.lichen.internal/busybox:1";
export const DEFAULTS = "registry.lichen.internal/defaults:1";

/** @returns the path of an administrator's kubeconfig */
export async function serverOnly(t: Teardown): Promise<string> {
  const dataDir = temporaryDirectory(t);
  const program = lichen(t, ["server", "--data-dir", dataDir, "--port", "0", "--mqtt-port", "0", "--datastore-endpoint", "memory:"]);
  await program.says(/^ready /);
  return join(dataDir, "kubeconfig");
}

/** The same, with a device on containerd that has the image. */
export async function containerCluster(t: Teardown): Promise<string> {
  const dataDir = temporaryDirectory(t);
  const { kubeconfig } = await lichenUp(t, { devices: ["containerd"], dataDir });
  for (const [reference, image] of [[BUSYBOX, busyboxImage(BUSYBOX)], [DEFAULTS, busyboxImage(DEFAULTS, { Entrypoint: ["/bin/echo", "entrypoint"], Cmd: ["default", "arguments"] })]] as const) {
    const name = reference.slice(reference.indexOf("/") + 1);
    const archive = join(dataDir, `${name.replace(":", "-")}.tar`);
    writeFileSync(archive, image);
    const { code } = await lichen(t, ["push", archive, name, "--data-dir", dataDir]).ended;
    if (code !== 0) throw new Error(`the image ${name} could not be pushed`);
  }
  return kubeconfig;
}
