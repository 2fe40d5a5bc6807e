/**
 * /healthz, /livez, /readyz: all checks of a kind, one of them by name, or all but some. Users without rights see "ok" or
 * which check failed, never why: reasons are in the log.
 */
import type { Log } from "../api/log.ts";
import type { Call } from "./call.ts";
import type { Message } from "./reply.ts";
import { text } from "./reply.ts";
import type { HealthCheck } from "./services.ts";
import { noSuchPage } from "./target.ts";

type Probe = "healthz" | "livez" | "readyz";

const always: HealthCheck = { name: "ping", live: true, check() {} };

export async function health(call: Call, probe: Probe, checks: readonly HealthCheck[], log: Log): Promise<Message> {
  const asked = [always, ...checks].filter((check) => probe === "readyz" || check.live);
  const one = call.segments[1];
  if (one !== undefined) {
    const check = asked.find((each) => each.name === call.segments.slice(1).join("/"));
    if (check === undefined) throw noSuchPage();
    return (await passes(check, log)) ? { ...text("ok"), headers: { "Content-Type": "text/plain; charset=utf-8" } } : text(`internal server error: ${check.name} failed: reason withheld\n`, 500);
  }
  const excluded = new Set(call.query.getAll("exclude"));
  const lines: string[] = [];
  let failed = false;
  for (const check of asked) {
    if (excluded.delete(check.name)) lines.push(`[+]${check.name} excluded: ok`);
    else if (await passes(check, log)) lines.push(`[+]${check.name} ok`);
    else {
      failed = true;
      lines.push(`[-]${check.name} failed: reason withheld`);
    }
  }
  for (const name of excluded) lines.push(`warn: some health checks cannot be excluded: no matches for ${JSON.stringify(name)}`);
  if (failed) return text(`${lines.join("\n")}\n${probe} check failed\n`, 500);
  return call.query.has("verbose") ? text(`${lines.join("\n")}\n${probe} check passed\n`) : text("ok");
}

async function passes({ name, check }: HealthCheck, log: Log): Promise<boolean> {
  try {
    await check();
    return true;
  } catch (error) {
    log.warn({ check: name, error: error instanceof Error ? error.message : String(error) }, "health check failed");
    return false;
  }
}
