/** `lichen start` (`npm start`): up with every runtime that this machine has, the examples applied, and what to try next. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../api/meta.ts";
import type { ServerFlags } from "../config.ts";
import { callApi } from "./api-request.ts";
import { type Access, kubeconfigPath } from "./kubeconfig.ts";
import { pushFile } from "./push.ts";
import { untilStopped } from "./until-stopped.ts";
import { bringUp } from "./up.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");
/** Workloads that need nothing but the components that come with the project. */
const applied = ["hello.yaml", "ticker.yaml"] as const;

const say = (line: string) => process.stdout.write(`${line}\n`);

export async function start(flags: ServerFlags): Promise<void> {
  const stopped = untilStopped();
  const devices = runtimesOfThisMachine();
  say(`starting a server and ${devices.length === 1 ? "a device" : `${devices.length} devices`} (${devices.join(", ")}) …`);
  const running = await bringUp({ ...flags, devices });
  try {
    for (const name of readdirSync(join(examples, "components"))) {
      const file = join(examples, "components", name, `${name}.wasm`);
      if (existsSync(file)) say(`pushed  ${await pushFile(running.access, file, `${name}:1`, false)}`);
    }
    for (const file of applied) await apply(running.access, join(examples, file));
    say(`ready ${running.server.url}`);
    say(nextSteps(kubeconfigPath(flags.dataDir), running.nodes));
    await stopped;
  } finally {
    say("stopping …");
    await running.close();
  }
}

/** containerd needs root and its programs; components need nothing. */
export function runtimesOfThisMachine(): readonly string[] {
  const containerd = process.getuid?.() === 0 && ["containerd", "runc"].every(onPath) && existsSync("/usr/lib/cni/ptp");
  return containerd ? ["wasi", "containerd"] : ["wasi"];
}

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").concat("/usr/sbin", "/sbin").some((dir) => existsSync(join(dir, program)));
}

/** Server-side apply of every object in a file. */
async function apply(access: Access, file: string): Promise<void> {
  for (const document of parseAllDocuments(readFileSync(file, "utf8"))) {
    const object = document.toJS() as KubeObject;
    const { name = "", namespace = "default" } = object.metadata;
    const path = `/${object.apiVersion.includes("/") ? "apis" : "api"}/${object.apiVersion}/namespaces/${namespace}/${object.kind.toLowerCase()}s/${name}`;
    await callApi(access, {
      method: "PATCH",
      path: `${path}?fieldManager=lichen-start&force=true`,
      contentType: "application/apply-patch+yaml",
      body: object,
    });
    say(`applied ${object.kind.toLowerCase()}/${name}`);
  }
}

function nextSteps(kubeconfig: string, nodes: readonly string[]): string {
  return `
Devices: ${nodes.join(", ")}. Try, in another terminal:

  export KUBECONFIG=${kubeconfig}
  kubectl get nodes -o wide
  kubectl get pods -o wide
  kubectl logs -f deployment/ticker
  curl http://$(kubectl get pods -l app=hello -o jsonpath='{.items[0].status.podIP}'):8080/
  kubectl scale deployment/hello --replicas 4

Ctrl-C stops the server, the devices and everything that runs on them.`;
}
