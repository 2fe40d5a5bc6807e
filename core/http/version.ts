/**
 * /version. Clients compare major and minor with their own release, so both are plain numbers of the Kubernetes API that
 * is served; what serves it stands behind the plus sign.
 */
export const KUBERNETES = { major: "1", minor: "36", patch: "2" } as const;

export function versionInfo() {
  const { major, minor, patch } = KUBERNETES;
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: `v${major}.${minor}.${patch}+lichen`,
    gitCommit: "",
    gitTreeState: "",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: "",
    compiler: `node ${process.versions.node}`,
    platform: `${process.platform}/${process.arch}`,
  };
}
