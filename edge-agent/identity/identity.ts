/**
 * Who the device is: its key, its certificate and where the server is. One file, because key and certificate have to
 * change together; mode 0600, because the key never leaves the device.
 */
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, syncDirectory } from "../disk.ts";

export interface Identity {
  readonly name: string;
  /** "https://host:port" */
  readonly server: string;
  /** "mqtts://host:port", tried in turn */
  readonly mqtt: readonly string[];
  /** PEM */
  readonly key: string;
  /** PEM chain, the device's own first */
  readonly certificate: string;
  /** when the certificate came, milliseconds by the device's clock: its own beginning lies before that, for slow clocks */
  readonly obtainedAt?: number | undefined;
  /** PEM */
  readonly ca: string;
  /** PEM (SPKI) of the keys that sign modules */
  readonly moduleKeys: readonly string[];
  /** the join token's, for the node's labels */
  readonly site?: string | undefined;
  readonly clusterDomain?: string | undefined;
  readonly clusterDns?: readonly string[] | undefined;
  /** where the pods of all nodes have their addresses, CIDRs */
  readonly podRanges?: readonly string[] | undefined;
}

export interface IdentityStore {
  read(): Promise<Identity | undefined>;
  /** the key that the device enrolls with; made once, so that an answer that got lost can be asked for again */
  enrollingKey(): Promise<string>;
  write(identity: Identity): Promise<void>;
  /** files for programs that read certificates from disk (containerd) */
  readonly files: { readonly ca: string; readonly certificate: string; readonly key: string };
}

export function identityStore(dataDir: string): IdentityStore {
  const directory = join(dataDir, "identity");
  const file = join(directory, "identity.json");
  const files = { ca: join(directory, "ca.pem"), certificate: join(directory, "client.pem"), key: join(directory, "client.key") };
  const enrolling = join(dataDir, "enrolling.key");
  return {
    files,
    async enrollingKey() {
      const kept = await readFile(enrolling, "utf8").catch(() => undefined);
      if (kept?.includes("PRIVATE KEY") === true) return kept;
      const key = newKey();
      await mkdir(dataDir, { recursive: true, mode: 0o711 });
      await replaceFile(enrolling, key);
      return key;
    },
    async read() {
      const text = await readFile(file, "utf8").catch(() => undefined);
      if (text === undefined) return undefined;
      try {
        const value = JSON.parse(text) as Partial<Identity>;
        if (typeof value.name !== "string" || typeof value.key !== "string" || typeof value.certificate !== "string" || typeof value.ca !== "string" || typeof value.server !== "string" || !Array.isArray(value.mqtt)) throw new Error("fields are missing");
        return { ...value, moduleKeys: value.moduleKeys ?? [] } as Identity;
      } catch (error) {
        throw new Error(`${file} is damaged; remove ${directory} and enroll the device again with a token`, { cause: error });
      }
    },
    async write(identity) {
      const text = JSON.stringify(identity, undefined, 1);
      await mkdir(dataDir, { recursive: true, mode: 0o711 });
      // the directory appears complete: its presence says that the device is enrolled
      const aside = join(dataDir, "identity.new");
      await rm(aside, { recursive: true, force: true });
      if ((await readFile(file, "utf8").catch(() => undefined)) === undefined) {
        await mkdir(aside, { mode: 0o700 });
        await writeFile(join(aside, "identity.json"), text, { mode: 0o600 });
        await syncDirectory(aside);
        await rm(directory, { recursive: true, force: true });
        await rename(aside, directory);
        await syncDirectory(dataDir);
      } else await replaceFile(file, text);
      await rm(enrolling, { force: true });
      await replaceFile(files.ca, identity.ca);
      await replaceFile(files.key, identity.key);
      await replaceFile(files.certificate, identity.certificate);
    },
  };
}

/** PKCS #8 PEM, ECDSA P-256: the curve every TLS stack and every hardware key has. */
export function newKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** What join tokens pin: SHA-256 of the certificate's SubjectPublicKeyInfo, hex. */
export function keyHash(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.publicKey.export({ type: "spki", format: "der" })).digest("hex");
}

export interface Validity {
  readonly from: number;
  readonly until: number;
  /** when to ask for the next one: after two thirds of the life */
  readonly renewAt: number;
}

export function validityOf({ certificate, obtainedAt }: Pick<Identity, "certificate" | "obtainedAt">): Validity {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const until = Date.parse(validTo);
  const from = obtainedAt !== undefined && obtainedAt < until ? Math.max(Date.parse(validFrom), obtainedAt) : Date.parse(validFrom);
  return { from, until, renewAt: from + ((until - from) * 2) / 3 };
}
