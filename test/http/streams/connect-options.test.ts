import test from "ava";
import { connectOptions } from "../../../core/http/streams/connect-options.ts";

const of = (subresource: string, query: string, more: { readonly plural?: string; readonly path?: string } = {}) => ({ ...connectOptions({ plural: "pods", subresource, query: new URLSearchParams(query), ...more }) }) as object;

test("what a connection asks for, as admission sees it", (t) => {
  t.deepEqual(of("exec", "command=ls&command=-l&stdout=1&tty=false&container=c"), { kind: "PodExecOptions", apiVersion: "v1", stdout: true, container: "c", command: ["ls", "-l"] });
  t.deepEqual(of("attach", "stdin=true&stderr=true"), { kind: "PodAttachOptions", apiVersion: "v1", stdin: true, stderr: true });
  t.deepEqual(of("portforward", "ports=80,81&ports=x"), { kind: "PodPortForwardOptions", apiVersion: "v1", ports: [80, 81] });
  t.deepEqual(of("proxy", "", { plural: "services", path: "/a" }), { kind: "ServiceProxyOptions", apiVersion: "v1", path: "/a" });
  t.deepEqual(of("proxy", ""), { kind: "PodProxyOptions", apiVersion: "v1" });
});
