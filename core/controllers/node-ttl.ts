/**
 * The annotation that tells a node for how long it may keep Secrets and ConfigMaps before it asks for them again. Devices
 * are told of every change, so it is zero whatever the size of the fleet: Kubernetes' larger values spare an API server
 * that is asked, and changing them would write every node each time the fleet grows past a step.
 */
import { NODES } from "../api/resources.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";

const TTL = "node.alpha.kubernetes.io/ttl";
const AT_ONCE = "0";

export function nodeTtl(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "ttl-controller");
  const nodes = deps.informers.of(NODES);
  return {
    name: "node-ttl",
    watches: [watching(nodes, ({ metadata }) => (metadata.annotations?.[TTL] === AT_ONCE ? [] : [metadata.name ?? ""]))],
    async reconcile(name) {
      const node = nodes.get(name);
      if (node === undefined || node.metadata.deletionTimestamp !== undefined || node.metadata.annotations?.[TTL] === AT_ONCE) return undefined;
      await client.patch(NODES, { name }, { type: "merge", patch: { metadata: { uid: node.metadata.uid, annotations: { [TTL]: AT_ONCE } } } });
      return undefined;
    },
  };
}
