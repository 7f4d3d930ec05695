import { z } from "zod";
import { fail } from "../../../base/index.ts";
import type { Container } from "../../../containers/index.ts";
import type { Endpoint, Network, NetworkSpec } from "../../../networks/index.ts";
import { defined, filled, whenTrue } from "../http/defined.ts";
import {
  checkFields,
  noEffect,
  partly,
  refused,
  supported,
  within,
  type FieldTable,
} from "../http/fields.ts";
import { holds, quirks } from "../quirks.ts";
import { notAManager } from "../swarm/not-a-manager.ts";
import type { ApiVersion } from "../versions.ts";

const text = z.string().nullish();
const flag = z.boolean().nullish();
const textMap = z.record(z.string(), z.string()).nullish();

export const networkFields: FieldTable = {
  Name: supported,
  CheckDuplicate: noEffect("two networks never have the same name"),
  Driver: supported,
  Scope: { support: "refused", defaults: ["local"] },
  Internal: supported,
  Attachable: supported,
  Ingress: refused,
  ConfigOnly: refused,
  ConfigFrom: refused,
  IPAM: within(() => ipamFields),
  EnableIPv4: partly("true: every network has IPv4"),
  EnableIPv6: supported,
  Options: supported,
  Labels: supported,
};

const ipamFields: FieldTable = {
  Driver: { support: "refused", defaults: ["default"] },
  Config: within(() => poolFields),
  Options: refused,
};

const poolFields: FieldTable = {
  Subnet: supported,
  IPRange: supported,
  Gateway: supported,
  AuxiliaryAddresses: supported,
};

export const createNetworkBody = z.looseObject({
  Name: z.string(),
  Driver: text,
  Internal: flag,
  Attachable: flag,
  EnableIPv4: flag,
  EnableIPv6: flag,
  Options: textMap,
  Labels: textMap,
  IPAM: z
    .looseObject({
      Config: z
        .array(z.looseObject({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: textMap }))
        .nullish(),
    })
    .nullish(),
});

export const disconnectBody = z.looseObject({ Container: text, Force: flag });

/** Throws `invalid`, `unimplemented` by field. */
export function decodeNetwork(body: z.infer<typeof createNetworkBody>, version: ApiVersion): NetworkSpec {
  // Docker asks the swarm for such a network, and there is none.
  if (body.Driver === "overlay") throw notAManager();
  checkFields(body, networkFields, "");
  if (body.EnableIPv4 === false && holds(quirks.networksWithoutIpv4, version)) {
    throw fail(
      "unimplemented",
      "api.unsupported-field",
      "EnableIPv4: a network without IPv4 is not supported",
    );
  }
  const subnets = (body.IPAM?.Config ?? [])
    .map((one) =>
      defined({
        subnet: filled(one.Subnet),
        gateway: filled(one.Gateway),
        ipRange: filled(one.IPRange),
        auxiliary: filled(one.AuxiliaryAddresses),
      }),
    )
    .filter((one) => Object.keys(one).length > 0);
  return defined({
    name: body.Name,
    driver: filled(body.Driver),
    internal: whenTrue(body.Internal),
    attachable: whenTrue(body.Attachable),
    enableIpv6: whenTrue(body.EnableIPv6),
    labels: filled(body.Labels),
    options: filled(body.Options),
    subnets: filled(subnets),
  });
}

/** An entry of GET /networks. */
export function encodeNetwork(network: Network) {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt.toISOString(),
    Scope: "local",
    Driver: network.driver === "none" ? "null" : network.driver,
    EnableIPv4: true,
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: "default",
      Options: null,
      Config: network.subnets.map((one) => ({
        Subnet: one.subnet,
        ...(one.ipRange === undefined ? {} : { IPRange: one.ipRange }),
        Gateway: one.gateway,
        ...(one.auxiliary === undefined ? {} : { AuxiliaryAddresses: one.auxiliary }),
      })),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Options: { ...defaultBridgeOptions(network), ...network.options },
    Labels: network.labels,
  };
}

/** Tools look at the default bridge's options for its interface (`docker0` with Docker). */
function defaultBridgeOptions({ builtin, bridge }: Network): Record<string, string> {
  if (!builtin || bridge === undefined) return {};
  return {
    "com.docker.network.bridge.enable_icc": "true",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
    "com.docker.network.bridge.name": bridge,
    "com.docker.network.driver.mtu": "1500",
  };
}

/** GET /networks/{id}: with the containers that run on it. */
export function encodeNetworkWithContainers(
  network: Network,
  endpoints: readonly Endpoint[],
  containers: readonly Container[],
) {
  const running = new Map(
    containers.filter((one) => one.state.status === "running").map((one) => [one.id, one] as const),
  );
  const entries = endpoints.flatMap((endpoint) => {
    const container = running.get(endpoint.containerId);
    return container === undefined ? [] : [[container.id, encodeMember(container, endpoint)] as const];
  });
  return { ...encodeNetwork(network), Containers: Object.fromEntries(entries) };
}

function encodeMember(container: Container, endpoint: Endpoint) {
  return {
    Name: container.name,
    EndpointID: endpoint.id,
    MacAddress: endpoint.mac,
    IPv4Address: `${endpoint.ipv4}/${endpoint.ipv4PrefixLength}`,
    IPv6Address: endpoint.ipv6 === undefined ? "" : `${endpoint.ipv6}/${endpoint.ipv6PrefixLength ?? 64}`,
  };
}
