/** The fast tests: one process, no root, no containers. */
export default {
  files: ["test/**/*.test.ts", "!test/real/**"],
  extensions: ["ts"],
  workerThreads: false,
  timeout: "120s",
};
