import test from "ava";
import type { EndpointSlice, Service } from "../../../core/api/types.gen.ts";
import { serviceDirectory } from "../../../edge-agent/services/service-directory.ts";

const service = (name: string, spec: object) => ({ kind: "Service", apiVersion: "v1", metadata: { namespace: "shop", name }, spec }) as Service;
const slice = (name: string, endpoints: object[]) => ({ kind: "EndpointSlice", apiVersion: "discovery.k8s.io/v1", metadata: { namespace: "shop", name: `${name}-x`, labels: { "kubernetes.io/service-name": name } }, addressType: "IPv4", ports: [{ port: 8080 }], endpoints }) as EndpointSlice;

const facts = {
  services: [service("cart", { clusterIP: "10.96.0.5", clusterIPs: ["10.96.0.5"], ports: [{ port: 80 }] }), service("db", { clusterIP: "None", clusterIPs: ["None"], ports: [{ port: 5432 }] }), service("mail", { type: "ExternalName", externalName: "smtp.example.com" })],
  slices: [
    slice("cart", [{ addresses: ["10.42.0.130"], conditions: { ready: true } }]),
    slice("db", [{ addresses: ["10.42.0.131"], hostname: "db-0", conditions: { ready: true } }, { addresses: ["10.42.1.131"], hostname: "db-1", conditions: { ready: false } }]),
  ],
  node: "a",
  domain: "cluster.local",
};

test("names are what the cluster's DNS would answer", (t) => {
  t.deepEqual(serviceDirectory({ ...facts, carried: true }), {
    domain: "cluster.local",
    names: { "cart.shop": ["10.96.0.5"], "db.shop": ["10.42.0.131"], "db-0.db.shop": ["10.42.0.131"], "mail.shop": "smtp.example.com" },
    leads: {},
  });
});

test("where the kernel does not carry Services, components are told where their addresses lead", (t) => {
  t.deepEqual(serviceDirectory({ ...facts, carried: false }).leads, { "10.96.0.5:80/tcp": ["10.42.0.130:8080"] });
});
