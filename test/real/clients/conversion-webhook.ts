/** A conversion webhook on loopback, with a certificate of its own. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Conversion } from "./definitions.ts";

interface Widget {
  readonly apiVersion: string;
  readonly spec?: { readonly size?: number; readonly amount?: number };
}
interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly Widget[] };
}

const convert = (object: Widget, apiVersion: string): Widget => {
  const { size, amount, ...spec } = object.spec ?? {};
  const value = size ?? amount;
  return { ...object, apiVersion, spec: { ...spec, ...(apiVersion.endsWith("/v1") ? { size: value } : { amount: value }) } as NonNullable<Widget["spec"]> };
};

export async function conversionWebhook(folder: string): Promise<Conversion & { readonly reviews: () => number; close(): void }> {
  const [key, certificate] = [join(folder, "webhook.key"), join(folder, "webhook.crt")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=webhook", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], { stdio: "ignore" });
  let reviews = 0;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    const answer = async () => {
      const body = await text(request);
      const { apiVersion, kind, request: { uid, desiredAPIVersion, objects } } = JSON.parse(body) as Review;
      reviews++;
      const convertedObjects = objects.map((object) => convert(object, desiredAPIVersion));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ apiVersion, kind, response: { uid, convertedObjects, result: { status: "Success" } } }));
    };
    void answer();
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/convert`,
    caBundle: readFileSync(certificate).toString("base64"),
    reviews: () => reviews,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
