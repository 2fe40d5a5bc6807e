/** Tests against real programs: one file after another, because they share the machine's containerd, ports and cores. */
export default {
  files: ["test/real/**/*.test.ts"],
  extensions: ["ts"],
  workerThreads: false,
  serial: true,
  concurrency: 1,
  timeout: "300s",
};
