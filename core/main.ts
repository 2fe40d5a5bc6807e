/**
 * The composition root of the server: every part is built here, from its arguments, in the order in which requests flow.
 * What a part needs of another it declares as an interface; this is the only file that sees both.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "./api/clock.ts";
import { type Entropy, systemEntropy } from "./api/entropy.ts";
import { kindTable } from "./api/kind-table.ts";
import { builtinKinds } from "./api/kinds/built-in.ts";
import { builtInHooks } from "./api/kinds/hooks.ts";
import type { Log } from "./api/log.ts";
import { component, MASTERS } from "./api/user.ts";
import { authorizerChain, mastersAuthorizer } from "./auth/authz/chain.ts";
import { kubeconfig } from "./auth/kubeconfig.ts";
import { openPki, type Pki } from "./auth/pki/pki.ts";
import { bootstrap } from "./bootstrap/bootstrap.ts";
import { bootstrapObjects } from "./bootstrap/objects.ts";
import { admissionPlugins } from "./compose/admission.ts";
import { artifactMounts } from "./compose/artifacts.ts";
import { closing } from "./compose/closing.ts";
import { openDatastore } from "./compose/datastore.ts";
import { fleet } from "./compose/fleet.ts";
import { keepServing } from "./compose/keep-serving.ts";
import { identity, ISSUER, nodesFrom, rbacFrom } from "./compose/identity.ts";
import { bootstrapUser, cacheUser, internalAuthorizer } from "./compose/internal-users.ts";
import { clusterSigner } from "./compose/signer.ts";
import { firstAddress, serverNames } from "./compose/server-names.ts";
import type { ServerConfig } from "./config.ts";
import { eventRecorder } from "./control/event-recorder.ts";
import { informers as sharedInformers } from "./control/informers.ts";
import { runController } from "./control/loop.ts";
import { controllers } from "./controllers/all.ts";
import { DEFAULT_POD_NETWORK } from "./controllers/node-ipam.ts";
import { startHttp } from "./http/server.ts";
import { openRegistry } from "./registry/registry.ts";
import { runScheduler } from "./scheduler/scheduler.ts";

export interface RunningServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface ServerParts {
  readonly log: Log;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
}

/** The admin's certificate outlives a season without care; `lichen kubeconfig` of a running server is always fresh. */
const ADMIN_TTL_MS = 365 * 86_400_000;

/** @throws Error that says what to do, for a used port or data directory, a foreign store, … */
export async function startServer(config: ServerConfig, { log, clock = systemClock, entropy = systemEntropy }: ServerParts): Promise<RunningServer> {
  const open = closing(log);
  try {
    return await compose(config, { log, clock, entropy }, open);
  } catch (error) {
    await open.close();
    throw error;
  }
}

async function compose(config: ServerConfig, parts: Required<ServerParts>, open: ReturnType<typeof closing>): Promise<RunningServer> {
  const { log, clock, entropy } = parts;
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const pki = await openPki(join(config.dataDir, "pki"), clock, entropy);
  const stopping = new AbortController();
  const store = await openDatastore(config.datastore, { clock, log, signal: stopping.signal });
  open.add("store", () => store.close());
  open.add("control loops", () => stopping.abort());

  const kinds = kindTable(builtinKinds(builtInHooks));
  // rules live in the store that they guard: the internal users, who fill the caches, are decided before RBAC is asked
  const authorizer = authorizerChain([
    internalAuthorizer,
    mastersAuthorizer,
    { authorize: (asked) => nodes.authorize(asked) },
    { authorize: (asked) => rbac.authorize(asked), rulesFor: (user, namespace) => rbac.rulesFor(user, namespace) },
  ]);
  const registry = openRegistry({
    store,
    kinds,
    clock,
    entropy,
    log,
    authorizer,
    services: { serviceCidr: config.serviceCidr },
    tokens: { issuer: ISSUER, issue: (request) => tokens.issue(request) },
    verifyToken: async (token, audiences) => tokens.verify(token, audiences.length === 0 ? undefined : audiences),
    admission: (lookup, revise) =>
      admissionPlugins({ lookup, revise, authorizer, rbac: () => rbac, entropy, tolerationSeconds: config.tolerationSeconds }),
  });
  const informers = sharedInformers(registry.clientFor(cacheUser), { clock, log, signal: stopping.signal });
  const nodes = nodesFrom(informers);
  const rbac = rbacFrom(informers);
  const { authenticate, tokens } = await identity({ informers, pki, clock, entropy, log });

  const serviceIp = firstAddress(config.serviceCidr);
  const facts = { caCertificate: pki.caCertificate, requestHeaderCa: pki.caCertificate, serviceCidr: config.serviceCidr };
  await bootstrap(registry.clientFor(bootstrapUser), bootstrapObjects(facts));
  await informers.synced();

  const names = serverNames({ serviceIp, extra: config.tlsNames });
  const serving = await pki.serving(names);
  const devices = await fleet(
    {
      host: config.host,
      port: config.mqttPort,
      broker: config.broker,
      serving,
      pki,
      clientFor: registry.clientFor,
      lookup: registry.lookup,
      informers,
      clock,
      entropy,
      log,
      signal: stopping.signal,
    },
    open,
  );
  const http = await startHttp({
    kinds,
    clientFor: registry.clientFor,
    authenticate,
    authorizer,
    clock,
    entropy,
    log,
    openid: { configuration: tokens.openidConfiguration, jwks: tokens.jwks },
    host: config.host,
    port: config.port,
    streams: devices.hub.streams,
    mounts: [...artifactMounts({ dataDir: config.dataDir, pki, authorizer, clock, log }), ...devices.mounts],
    tls: { cert: serving.certificate, key: serving.key, clientCa: pki.caCertificate },
  });
  open.add("API", () => http.close());
  void keepServing({ pki, names, clock, log, signal: stopping.signal }, ({ certificate, key }) => {
    http.setTls({ cert: certificate, key, clientCa: pki.caCertificate });
    devices.renew({ certificate, key });
  });

  const podNetwork = { ...DEFAULT_POD_NETWORK, clusterCidr: config.clusterCidr };
  const control = { informers, clientFor: registry.clientFor, kinds, clock, entropy, log, signal: stopping.signal };
  for (const controller of controllers({ ...control, rootCa: pki.caCertificate, signer: clusterSigner(pki), podNetwork })) runController(controller, control);
  const schedulerClient = informers.through(registry.clientFor(component("kube-scheduler")));
  const events = eventRecorder(schedulerClient, { clock, log, signal: stopping.signal, component: "default-scheduler" });
  runScheduler({ client: schedulerClient, informers, events, clock, log, signal: stopping.signal });

  const url = `https://127.0.0.1:${http.port}`;
  await writeKubeconfig(join(config.dataDir, "kubeconfig"), url, pki);
  return { url, close: open.close };
}

async function writeKubeconfig(path: string, server: string, pki: Pki): Promise<void> {
  const credentials = await pki.issueClient({ commonName: "kubernetes-admin", organizations: [MASTERS], ttlMs: ADMIN_TTL_MS });
  writeFileSync(path, kubeconfig({ server, caCertificate: pki.caCertificate, user: "kubernetes-admin", credentials }), { mode: 0o600 });
}
