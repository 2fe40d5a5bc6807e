import test from "ava";
import { ENDPOINT_SLICES, ENDPOINTS, SERVICE_CIDRS, SERVICES } from "../../core/api/resources.gen.ts";
import type { Endpoints, EndpointSlice, Service } from "../../core/api/types.gen.ts";
import { publishKubernetesService } from "../../core/bootstrap/kubernetes-service.ts";
import { setup } from "../registry/setup.ts";

const target = { namespace: "default", name: "kubernetes" };
const CIDR = "10.43.0.0/24";

async function cluster() {
  const { client } = await setup({ services: { serviceCidr: CIDR } });
  await client.create(SERVICE_CIDRS, { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "kubernetes" }, spec: { cidrs: [CIDR] } });
  const read = async () => ({
    service: (await client.get<Service>(SERVICES, target)).spec,
    endpoints: (await client.get<Endpoints>(ENDPOINTS, target)).subsets,
    slice: await client.get<EndpointSlice>(ENDPOINT_SLICES, target),
  });
  return { client, read };
}

test("pods find the API under its service", async (t) => {
  const { client, read } = await cluster();
  await publishKubernetesService(client, { serviceIp: "10.43.0.1", host: "192.0.2.7", port: 6443 });
  const { service, endpoints, slice } = await read();
  t.like(service, { clusterIP: "10.43.0.1", ports: [{ name: "https", port: 443, targetPort: 6443 }] });
  t.deepEqual(endpoints, [{ addresses: [{ ip: "192.0.2.7" }], ports: [{ name: "https", port: 6443, protocol: "TCP" }] }]);
  t.deepEqual(slice.endpoints?.[0]?.addresses, ["192.0.2.7"]);
});

test("a server that moved is found again", async (t) => {
  const { client, read } = await cluster();
  await publishKubernetesService(client, { serviceIp: "10.43.0.1", host: "192.0.2.7", port: 6443 });
  await publishKubernetesService(client, { serviceIp: "10.43.0.1", host: "192.0.2.8", port: 7443 });
  const { service, endpoints, slice } = await read();
  t.is(service?.ports?.[0]?.targetPort, 7443);
  t.is(endpoints?.[0]?.addresses?.[0]?.ip, "192.0.2.8");
  t.like(slice, { endpoints: [{ addresses: ["192.0.2.8"] }], ports: [{ port: 7443 }] });
});

test("without an address that others reach there is a service without endpoints", async (t) => {
  const { client } = await cluster();
  await publishKubernetesService(client, { serviceIp: "10.43.0.1", host: undefined, port: 6443 });
  t.is((await client.get<Service>(SERVICES, target)).spec?.clusterIP, "10.43.0.1");
  await t.throwsAsync(client.get(ENDPOINTS, target), { message: /not found/ });
});
