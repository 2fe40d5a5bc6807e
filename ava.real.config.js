/**
 * Tests against real programs: one file after another, because they share the machine's containerd, ports and cores. The
 * conformance tests that run containers have a command of their own, `npm run conformance`.
 */
export default {
  files: ["test/real/**/*.test.ts", "!test/real/conformance.test.ts"],
  extensions: ["ts"],
  workerThreads: false,
  serial: true,
  concurrency: 1,
  timeout: "300s",
};
