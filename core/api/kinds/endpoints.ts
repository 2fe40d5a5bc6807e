/** Endpoints (core/v1): the older form of a Service's addresses. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Label, dns1123Subdomain, qualifiedName } from "../names.ts";
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking } from "./hook-types.ts";
import { shorten } from "./shorten.ts";
import { ipAddress } from "./validate/addresses.ts";
import { type Errors, check, invalid, isEmpty, oneOf, required } from "./validate/errors.ts";
import { portNumber } from "./validate/numbers.ts";
import { notSpecialAddress } from "./validate/special-addresses.ts";

const column = columnsOf<Endpoints>();
const PROTOCOLS = ["SCTP", "TCP", "UDP"];

export const endpointsHooks: KindHooks = {
  setDefaults: (object) =>
    mapField(object as unknown as Endpoints, "subsets", (subsets) =>
      mapAll(subsets, (subset) => mapField(subset, "ports", (ports) => mapAll(ports, (port) => fill(port, { protocol: "TCP" })))),
    ) as unknown as AnyObject,
  validate: checking<Endpoints>((errors, { subsets = [] }) => {
    subsets.forEach((subset, index) => validateSubset(errors, `subsets[${index}]`, subset));
  }),
  columns: [nameColumn, column("Endpoints", endpointsText), ageColumn],
};

function endpointsText({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return "<none>";
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0 ? addresses.map(({ ip }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`))),
  );
  return shorten(texts);
}

function validateSubset(errors: Errors, at: string, { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset): void {
  if (addresses.length === 0 && notReadyAddresses.length === 0) required(errors, at, "must specify `addresses` or `notReadyAddresses`");
  addresses.forEach((one, index) => validateAddress(errors, `${at}.addresses[${index}]`, one));
  notReadyAddresses.forEach((one, index) => validateAddress(errors, `${at}.notReadyAddresses[${index}]`, one));
  ports.forEach((one, index) => validatePort(errors, `${at}.ports[${index}]`, one, ports.length > 1));
}

function validateAddress(errors: Errors, at: string, { ip = "", hostname = "", nodeName }: EndpointAddress): void {
  const malformed = ipAddress(ip).length > 0;
  check(errors, `${at}.ip`, ip, ipAddress);
  if (hostname !== "") check(errors, `${at}.hostname`, hostname, dns1123Label);
  if (nodeName !== undefined) check(errors, `${at}.nodeName`, nodeName, dns1123Subdomain);
  if (malformed) invalid(errors, `${at}.ip`, ip, "must be a valid IP address");
  else notSpecialAddress(errors, `${at}.ip`, ip);
}

function validatePort(errors: Errors, at: string, { name = "", port, protocol, appProtocol }: EndpointPort, named: boolean): void {
  if (named && name === "") required(errors, `${at}.name`);
  else if (name !== "") check(errors, `${at}.name`, name, dns1123Label);
  portNumber(errors, `${at}.port`, port ?? 0);
  if (isEmpty(protocol)) required(errors, `${at}.protocol`);
  else oneOf(errors, `${at}.protocol`, protocol, PROTOCOLS);
  if (appProtocol !== undefined) check(errors, `${at}.appProtocol`, appProtocol, qualifiedName);
}
