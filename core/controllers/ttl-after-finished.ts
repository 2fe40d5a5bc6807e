/** Deletes finished Jobs `ttlSecondsAfterFinished` after their end (KEP-592). */
import { JOBS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Job } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";

export function ttlAfterFinished(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "ttl-after-finished-controller");
  const jobs = deps.informers.of(JOBS);
  return {
    name: "ttl-after-finished",
    watches: [watching(jobs, (job) => (expiry(job) === undefined ? [] : [`${job.metadata.namespace}/${job.metadata.name}`]))],
    async reconcile(key) {
      const seen = jobs.get(key);
      const at = seen === undefined ? undefined : expiry(seen);
      if (seen === undefined || at === undefined || seen.metadata.deletionTimestamp !== undefined) return undefined;
      const left = at - deps.clock.now();
      if (left > 0) return { afterMs: left };
      const { namespace, name = "" } = seen.metadata;
      try {
        // the copy may be old: the ttl may have been raised since
        const job = await client.get(JOBS, { namespace, name });
        const due = expiry(job);
        if (job.metadata.uid !== seen.metadata.uid || due === undefined || due > deps.clock.now()) return undefined;
        const { uid, resourceVersion } = job.metadata;
        const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
        await client.delete(JOBS, { namespace, name }, { propagationPolicy: "Foreground", preconditions });
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
      return undefined;
    },
  };
}

/** when the job may go; undefined: it is not finished or stays for ever */
export function expiry({ spec, status }: Job): number | undefined {
  if (spec?.ttlSecondsAfterFinished === undefined) return undefined;
  const end = status?.conditions?.find(({ type, status: value }) => (type === "Complete" || type === "Failed") && value === "True");
  return typeof end?.lastTransitionTime === "string" ? Date.parse(end.lastTransitionTime) + spec.ttlSecondsAfterFinished * 1000 : undefined;
}
