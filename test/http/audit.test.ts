import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { silentLog } from "../../core/api/log.ts";
import { openAudit } from "../../core/http/audit/audit.ts";
import { openLogFile } from "../../core/http/audit/log-file.ts";
import { parsePolicy } from "../../core/http/audit/policy.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { configMap, openApi } from "./support/api.ts";

const policy = parsePolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/version"]
- level: Metadata
  resources: [{ group: "", resources: [secrets] }]
- level: Request
  users: [jane]
- level: RequestResponse
  omitManagedFields: true
  verbs: [create, delete]
  resources: [{ group: "", resources: [configmaps] }]
- level: Metadata
`);

async function audited() {
  const lines: string[] = [];
  const clock = virtualClock();
  const api = await openApi({ audit: openAudit({ policy, write: (line) => lines.push(line), clock }) });
  return { api, lines, events: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const secrets = "/api/v1/namespaces/default/secrets";

test("a secret at the level Metadata leaves no trace of its value", async (t) => {
  const { api, lines, events } = await audited();
  await api.send("POST", secrets, { body: { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { p: "pa55word" } } });
  await api.send("PUT", `${secrets}/s`, { body: "{ pa55word" });
  await api.send("GET", `${secrets}/s`);
  t.is(lines.length, 3);
  t.notRegex(lines.join("\n"), /pa55word|cGE1NXdvcmQ/);
  t.like(events()[0], {
    kind: "Event",
    level: "Metadata",
    stage: "ResponseComplete",
    verb: "create",
    requestURI: secrets,
    user: { username: "admin" },
    objectRef: { resource: "secrets", namespace: "default", apiVersion: "v1" },
    responseStatus: { code: 201 },
  });
});

test("the first rule that fits says how much is written", async (t) => {
  const { api, events, lines } = await audited();
  await api.send("GET", "/version");
  t.deepEqual(lines, []);
  await api.send("POST", "/api/v1/namespaces/default/configmaps", { body: configMap("a") });
  t.like(events()[0], { level: "RequestResponse", requestObject: { data: { k: "v" } }, responseObject: { metadata: { name: "a" } } });
  t.false(lines[0]?.includes("managedFields"));
  await api.send("PATCH", "/api/v1/namespaces/default/configmaps/a", { body: { data: { k: "w" } }, headers: { authorization: "Bearer jane", "content-type": "application/merge-patch+json" } });
  t.like(events()[1], { level: "Request", verb: "patch", responseStatus: { code: 403, reason: "Forbidden" } });
  t.is((events()[1] as { requestObject?: unknown }).requestObject, undefined, "what nobody may send is not read");
  await api.send("GET", "/api/v1/nodes", { headers: { "impersonate-user": "bob" } });
  t.like(events()[2], { level: "Metadata", verb: "list", user: { username: "admin" }, impersonatedUser: { username: "bob" } });
});

test("refused credentials leave a trace", async (t) => {
  const { api, events } = await audited();
  t.is((await api.send("GET", "/api/v1/nodes", { headers: { authorization: "Bearer wrong" } })).status, 401);
  t.like(events()[0], { verb: "list", user: { username: "" }, objectRef: { resource: "nodes" }, responseStatus: { code: 401 } });
});

test("a policy that cannot be meant is refused with the place of the mistake", (t) => {
  const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";
  t.throws(() => parsePolicy("kind: Policy"), { message: /apiVersion/ });
  t.throws(() => parsePolicy(head), { message: /rules/ });
  t.throws(() => parsePolicy(`${head}rules: [{ level: All }]`), { message: /rules\[0\]\.level: expected one of None, Metadata/ });
  t.throws(() => parsePolicy(`${head}rules: [{ level: None, omitStages: [Later] }]`), { message: /rules\[0\]\.omitStages/ });
  t.throws(() => parsePolicy(`${head}rules: [{ level: None, namespaces: [a], nonResourceURLs: ["/x"] }]`), { message: /not for both/ });
});

test("a full log is put aside, the oldest goes", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "audit-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const clock = virtualClock();
  const path = join(directory, "audit.log");
  const log = openLogFile({ path, maxBytes: 100, maxBackups: 2, clock, log: silentLog });
  for (let line = 0; line < 8; line++) {
    log.write(`${line}`.repeat(59));
    await clock.advance(1_000);
  }
  await log.close();
  const files = readdirSync(directory).toSorted();
  t.is(files.length, 3);
  t.is(readFileSync(path, "utf8"), `${"7".repeat(59)}\n`);
});
