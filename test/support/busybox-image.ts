/** A container image of Debian's busybox-static, made here: tests need no registry and no image tool. */
import { readFileSync } from "node:fs";
import { type ArchiveFile, type ImagePlatform, ociArchive } from "../../edge-agent/runtimes/containerd/oci-archive.ts";

const applets = "sh ls cat echo ping nc httpd wget sleep ps id env mount df dd hostname ip yes head tail true false uname stat mkdir nslookup top kill touch printf seq awk grep tr wc netstat stty test rm chmod tee tar date sync ln mktemp sort cut readlink dirname basename find xargs md5sum sha256sum".split(" ");
const directories = ["bin", "etc", "tmp", "proc", "sys", "dev", "www", "root", "var", "var/run"];

type Architecture = ImagePlatform["architecture"];

/**
 * @param programs a static busybox for each architecture that the image is for
 * @returns an OCI image archive
 */
export function busyboxImage(
  reference: string,
  config: { readonly Entrypoint?: readonly string[]; readonly Cmd?: readonly string[] } = { Cmd: ["sh"] },
  programs: { readonly [architecture in Architecture]?: string } = { amd64: "/bin/busybox" },
): Buffer {
  const platforms = Object.entries(programs).map(([architecture, program]) => ({ architecture: architecture as Architecture, files: filesOf(program) }));
  return ociArchive({ reference, config: { Env: ["PATH=/bin"], ...config }, platforms });
}

function filesOf(program: string): readonly ArchiveFile[] {
  return [
    ...directories.map((path): ArchiveFile => ({ path, kind: "directory", mode: path === "tmp" ? 0o1777 : 0o755 })),
    { path: "bin/busybox", data: readFileSync(program), mode: 0o755 },
    ...applets.map((applet): ArchiveFile => ({ path: `bin/${applet}`, kind: "symlink", target: "busybox" })),
    { path: "etc/passwd", data: Buffer.from("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n") },
    { path: "etc/group", data: Buffer.from("root:x:0:\nnogroup:x:65534:\n") },
  ];
}
