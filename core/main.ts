/**
 * The composition root of the server: every part is built here, from its arguments, in the order in which requests flow.
 * What a part needs of another it declares as an interface; this is the only file that sees both.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "./api/clock.ts";
import { type Entropy, systemEntropy } from "./api/entropy.ts";
import type { Log } from "./api/log.ts";
import { PODS } from "./api/resources.gen.ts";
import { openPki } from "./auth/pki/pki.ts";
import { publishKubernetesService } from "./bootstrap/kubernetes-service.ts";
import { adminKubeconfig } from "./compose/admin-kubeconfig.ts";
import { artifactMounts } from "./compose/artifacts.ts";
import { auditOf } from "./compose/access.ts";
import { closing } from "./compose/closing.ts";
import { controlPlane } from "./compose/control-plane.ts";
import { openDatastore } from "./compose/datastore.ts";
import { fleet } from "./compose/fleet.ts";
import { bootstrapUser } from "./compose/internal-users.ts";
import { keepServing } from "./compose/keep-serving.ts";
import { leadership } from "./compose/leadership.ts";
import { podMetrics } from "./compose/pod-metrics.ts";
import { samples } from "./compose/samples.ts";
import { firstAddress, reachableAddress, serverNames } from "./compose/server-names.ts";
import type { ServerConfig } from "./config.ts";
import { startHttp } from "./http/server.ts";
import { deviceUsages } from "./hub/usage.ts";
import type { Driver } from "./store/driver.ts";

export interface RunningServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface ServerParts {
  readonly log: Log;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  /** of the SQLite file, when it is being read already */
  readonly driver?: Driver | undefined;
}

/** @throws Error that says what to do, for a used port or data directory, a foreign store, … */
export async function startServer(config: ServerConfig, { log, clock = systemClock, entropy = systemEntropy, driver }: ServerParts): Promise<RunningServer> {
  const open = closing(log);
  try {
    return await compose(config, { log, clock, entropy, driver }, open);
  } catch (error) {
    await open.close();
    throw error;
  }
}

async function compose(config: ServerConfig, parts: Required<Omit<ServerParts, "driver">> & Pick<ServerParts, "driver">, open: ReturnType<typeof closing>): Promise<RunningServer> {
  const { log, clock, entropy, driver } = parts;
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const pki = await openPki(join(config.dataDir, "pki"), clock, entropy);
  const stopping = new AbortController();
  const store = await openDatastore(config.datastore, { clock, log, signal: stopping.signal, driver });
  open.add("store", () => store.close());
  open.add("control loops", () => stopping.abort());

  const { kinds, registry, informers, authorizer, identity, limit, delegate, startLoops } = await controlPlane({ ...config, store, pki, clock, entropy, log, signal: stopping.signal });

  const names = serverNames({ serviceIp: firstAddress(config.serviceCidr), extra: config.tlsNames });
  const serving = await pki.serving(names);
  const { host, mqttPort, broker, clusterCidr } = config;
  const devices = fleet({ host, port: mqttPort, broker, clusterCidr, serving, pki, clientFor: registry.clientFor, lookup: registry.lookup, informers, clock, entropy, log });
  const usages = deviceUsages({ streams: devices.streams, clock });
  const audited = auditOf(config.access, { clock, log });
  if (audited !== undefined) open.add("audit log", audited.close);
  const http = await startHttp({
    kinds,
    limit,
    audit: audited?.audit,
    cbor: config.access.cbor,
    anonymous: config.access.anonymous,
    samples: () => samples({ store, hub: devices.hub() }),
    clientFor: registry.clientFor,
    authenticate: identity.authenticate,
    authorizer,
    clock,
    entropy,
    log,
    openid: { configuration: identity.tokens.openidConfiguration, jwks: identity.tokens.jwks },
    host: config.host,
    port: config.port,
    streams: devices.streams,
    usages,
    delegate,
    mounts: [...artifactMounts({ dataDir: config.dataDir, pki, authorizer, clock, log }), ...devices.mounts],
    tls: { cert: serving.certificate, key: serving.key, clientCa: pki.caCertificate },
  });
  open.add("API", () => http.close());
  const published = publishKubernetesService(registry.clientFor(bootstrapUser), { serviceIp: firstAddress(config.serviceCidr), host: reachableAddress(), port: http.port });
  await published.catch((error: unknown) => log.warn({ error: String(error) }, "pods cannot find the API under kubernetes.default: its Service could not be made"));
  void keepServing({ pki, names, clock, log, signal: stopping.signal }, ({ certificate, key }) => {
    http.setTls({ cert: certificate, key, clientCa: pki.caCertificate });
    devices.renew({ certificate, key });
  });

  const nodeOf = (namespace: string, name: string) => informers.of(PODS).get(`${namespace}/${name}`)?.spec?.nodeName;
  const metrics = podMetrics({ usages, nodeOf, clock });
  const resign = await leadership({
    store,
    registry,
    kinds,
    clock,
    entropy,
    log,
    signal: stopping.signal,
    async begin(leading) {
      const endFleet = await devices.lead(leading);
      startLoops({ ...leading, metrics });
      return endFleet;
    },
  });
  open.add("leadership", resign);

  const url = `https://127.0.0.1:${http.port}`;
  await adminKubeconfig({ path: join(config.dataDir, "kubeconfig"), server: url, pki, clock });
  return { url, close: open.close };
}
