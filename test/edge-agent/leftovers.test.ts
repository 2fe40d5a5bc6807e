/** What an agent that was killed leaves of pods that are gone. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { silentLog } from "../../core/api/log.ts";
import { removeLeftovers } from "../../edge-agent/leftovers.ts";
import { podDirectories } from "../../edge-agent/pod-directories.ts";
import { diskPodFiles } from "../../edge-agent/pod-files.ts";
import { plainMounter, type Mounter } from "../../edge-agent/volumes/mounts.ts";
import { volumes } from "../../edge-agent/volumes/volumes.ts";

test("volumes and logs of pods that nobody needs go; what is still mounted stays", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "lichen-leftovers-"));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  const directories = podDirectories(dataDir);
  for (const uid of ["kept", "gone", "busy"]) {
    await mkdir(directories.volume(uid, "data"), { recursive: true });
    await writeFile(join(directories.volume(uid, "data"), "file"), uid);
    await mkdir(directories.logs({ namespace: "ns", name: "web", uid }), { recursive: true });
  }
  await mkdir(directories.volumes("nameless"), { recursive: true });
  for (const uid of ["kept", "secretive"]) await mkdir(directories.memoryVolume(uid, "token"), { recursive: true });
  const mounter: Mounter = {
    ...plainMounter,
    async unmountBelow(directory) {
      if (directory.includes("busy")) throw new Error(`still mounted: ${directory}`);
    },
  };
  const parts = { directories, objects: { get: () => undefined, list: () => [] }, mounter, token: async () => "", tokenRound: () => "" };
  await removeLeftovers({ files: diskPodFiles(directories), volumes: volumes(parts), runtimes: [], log: silentLog, needed: (uid) => uid === "kept" });
  t.deepEqual(["kept", "gone", "busy", "nameless"].filter((uid) => existsSync(directories.pod(uid))), ["kept", "busy"]);
  t.deepEqual(["kept", "gone", "busy"].filter((uid) => existsSync(directories.logs({ namespace: "ns", name: "web", uid }))), ["kept", "busy"]);
  t.deepEqual(["kept", "secretive"].filter((uid) => existsSync(directories.memoryVolumes(uid))), ["kept"]);
  t.true(existsSync(join(directories.volume("busy", "data"), "file")), "nothing is removed below a mount");
});
