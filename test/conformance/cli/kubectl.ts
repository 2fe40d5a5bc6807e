/** kubectl commands that need no pod. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createInterface } from "node:readline";
import { type Context, conformance } from "../support/conformance.ts";
import { kubectlProgram } from "../../support/components.ts";

/** `kubectl proxy ARGS…`; resolves with the rest of the line it says first. */
async function proxy({ kubeconfig, after }: Context, args: readonly string[]): Promise<string> {
  const child = spawn(await kubectlProgram("1.36"), ["proxy", ...args], { env: { ...process.env, KUBECONFIG: kubeconfig }, stdio: ["ignore", "pipe", "inherit"] });
  after(() => void child.kill());
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^Starting to serve on (.+)$/.exec(line);
    if (match !== null) return match[1] ?? "";
  }
  throw new Error("kubectl proxy ended before it served");
}

const getJson = async (where: { readonly host?: string; readonly port?: number; readonly socketPath?: string }, path: string) =>
  JSON.parse(await new Promise<string>((resolve, reject) => request({ ...where, path }, (response) => resolve(text(response))).on("error", reject).end())) as { readonly kind: string; readonly versions?: readonly string[] };

export const kubectlApi = [
  conformance("[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions", async ({ kubectl }) => {
    assert.ok((await kubectl("api-versions")).split("\n").includes("v1"));
  }),
  conformance("[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info", async ({ kubectl }) => {
    assert.match(await kubectl("cluster-info"), /Kubernetes control plane.* is running at .*https:\/\//);
  }),
  conformance("[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments", async ({ kubectl, namespace, after }) => {
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "deployment.json");
    const write = (image: string) => writeFileSync(path, JSON.stringify({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace }, spec: { selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image }] } } } }));
    write("registry.example/one:1");
    await kubectl("apply", "-f", path);
    assert.equal(await kubectl("diff", "-f", path), "");
    write("registry.example/two:2");
    // 1 says that there is a difference, more says that diff failed
    await assert.rejects(kubectl("diff", "-f", path), (error: Error & { readonly code?: number; readonly stdout?: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stdout ?? "", /-\s+- image: registry.example\/one:1[^]*\+\s+- image: registry.example\/two:2/);
      return true;
    });
  }),
  conformance("[sig-cli] Kubectl client Kubectl version should check is all data is printed", async ({ kubectl }) => {
    const { clientVersion, serverVersion } = JSON.parse(await kubectl("version", "-o", "json")) as Readonly<Record<"clientVersion" | "serverVersion", Readonly<Record<string, string>>>>;
    for (const field of ["major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"]) {
      assert.ok(field in serverVersion, `server ${field}`);
      assert.ok(field in clientVersion, `client ${field}`);
    }
    assert.match(await kubectl("version"), /Client Version: v1\.\d+[^]*Server Version: v1\.\d+/);
  }),
  conformance("[sig-cli] Kubectl client Proxy server should support --unix-socket=/path", async (c) => {
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    c.after(() => rmSync(folder, { recursive: true }));
    const socketPath = join(folder, "proxy.sock");
    await proxy(c, [`--unix-socket=${socketPath}`]);
    const found = await getJson({ socketPath }, "/api/");
    assert.deepEqual([found.kind, found.versions], ["APIVersions", ["v1"]]);
  }),
  conformance("[sig-cli] Kubectl client Proxy server should support proxy with --port 0", async (c) => {
    const [host = "", port] = (await proxy(c, ["-p", "0", "--disable-filter"])).split(":");
    const found = await getJson({ host, port: Number(port) }, "/api/");
    assert.deepEqual([found.kind, found.versions], ["APIVersions", ["v1"]]);
  }),
];
