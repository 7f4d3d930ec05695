import { fail, shortId } from "../../base/index.ts";
import { part } from "../../api/client/docker/index.ts";
import { jsonOption, quietOption, type Command } from "../command.ts";
import { engineOf } from "../connection.ts";
import { eachNamed } from "../each.ts";
import { filterOption, filtersOf } from "../filters.ts";
import { named } from "../nearest-name.ts";
import { table } from "../output.ts";
import { print, printJson } from "../terminal.ts";
import { labelPair, pairs } from "../values.ts";
import { inspectAll, inspectOne } from "./inspect.ts";
import { confirmed, pruneOptions } from "./prune.ts";

export const list: Command = {
  name: "network ls",
  summary: "List networks",
  usage: "",
  arguments: { max: 0 },
  options: {
    ...filterOption,
    ...quietOption,
    "no-trunc": { type: "boolean", help: "show ids in full" },
    ...jsonOption,
  },
  async run(invocation) {
    const networks = await engineOf(invocation.root).networks({
      filters: filtersOf(invocation.texts("filter")),
    });
    if (invocation.flag("json")) printJson(networks);
    else if (invocation.flag("quiet")) print(networks.map((one) => one.Name).join("\n"));
    else {
      const rows = networks.map((one) => [
        one.Name,
        invocation.flag("no-trunc") ? one.Id : shortId(one.Id),
        one.Driver,
        (one.IPAM?.Config ?? []).flatMap((config) => config.Subnet ?? []).join(", "),
        one.Labels?.["com.docker.compose.project"] ?? "",
      ]);
      print(table(["NAME", "ID", "DRIVER", "SUBNET", "STACK"], rows));
    }
    return 0;
  },
};

export const create: Command = {
  name: "network create",
  summary: "Make a network",
  usage: "NETWORK",
  arguments: { min: 1, max: 1 },
  options: {
    driver: {
      type: "string",
      short: "d",
      value: "NAME",
      help: "bridge (the default), or another one that is there",
    },
    subnet: { type: "string", multiple: true, value: "CIDR", help: "its addresses: 10.20.0.0/16" },
    gateway: { type: "string", multiple: true, value: "IP", help: "the machine's address on it" },
    "ip-range": {
      type: "string",
      multiple: true,
      value: "CIDR",
      help: "take addresses for containers from here",
    },
    "aux-address": {
      type: "string",
      multiple: true,
      value: "NAME=IP",
      help: "an address that is in use by something else",
    },
    internal: { type: "boolean", help: "no way out of it" },
    attachable: { type: "boolean", help: "containers by hand may join (they may anyway, here)" },
    ipv6: { type: "boolean", help: "with IPv6" },
    label: { type: "string", multiple: true, value: "KEY[=VALUE]", help: "set a label" },
    opt: { type: "string", short: "o", multiple: true, value: "KEY=VALUE", help: "an option of the driver" },
    ...jsonOption,
  },
  completes: ["nothing"],
  async run(invocation) {
    const [Name = ""] = invocation.arguments;
    const config = invocation.texts("subnet").map((Subnet, at) => {
      const [Gateway, IPRange] = [invocation.texts("gateway")[at], invocation.texts("ip-range")[at]];
      const aux = at === 0 ? pairs("aux-address", invocation.texts("aux-address")) : {};
      return {
        Subnet,
        ...(Gateway === undefined ? {} : { Gateway }),
        ...(IPRange === undefined ? {} : { IPRange }),
        ...(Object.keys(aux).length > 0 ? { AuxiliaryAddresses: aux } : {}),
      };
    });
    const lonely = ["gateway", "ip-range", "aux-address"].find(
      (one) => invocation.given(one) && config.length === 0,
    );
    if (lonely !== undefined) {
      throw fail("invalid", "cli.usage", `--${lonely} wants a --subnet beside it`, {
        hint: "virga network create --subnet 10.20.0.0/16 --gateway 10.20.0.1 NAME",
      });
    }
    const labels = Object.fromEntries(invocation.texts("label").map(labelPair));
    const created = await engineOf(invocation.root, { start: true }).transport.json<{
      Id: string;
      Warning?: string;
    }>("POST", "/networks/create", {
      json: {
        Name,
        Driver: invocation.text("driver") ?? "bridge",
        Internal: invocation.flag("internal"),
        Attachable: invocation.flag("attachable"),
        EnableIPv6: invocation.flag("ipv6"),
        Options: pairs("opt", invocation.texts("opt")),
        Labels: labels,
        ...(config.length > 0 ? { IPAM: { Config: config } } : {}),
      },
    });
    if (invocation.flag("json")) printJson({ id: created.Id, name: Name });
    else print(created.Id);
    return 0;
  },
};

export const inspect: Command = {
  name: "network inspect",
  summary: "Print everything about networks as JSON",
  usage: "NETWORK...",
  arguments: { min: 1 },
  options: { json: { type: "boolean", help: "it is JSON anyway" } },
  completes: ["network"],
  run(invocation) {
    const docker = engineOf(invocation.root);
    return inspectAll(invocation.arguments, (name) => inspectOne(docker, ["network"], name));
  },
};

export const connect: Command = {
  name: "network connect",
  summary: "Join a container to one more network",
  usage: "NETWORK CONTAINER",
  arguments: { min: 2, max: 2 },
  options: {
    alias: { type: "string", multiple: true, value: "NAME", help: "another name of it on the network" },
    ip: { type: "string", value: "IP", help: "its IPv4 address" },
    ip6: { type: "string", value: "IP", help: "its IPv6 address" },
    link: { type: "string", multiple: true, value: "CONTAINER[:NAME]", help: "reach another one by a name" },
    "link-local-ip": { type: "string", multiple: true, value: "IP", help: "a link-local address" },
    "driver-opt": { type: "string", multiple: true, value: "KEY=VALUE", help: "an option of the driver" },
  },
  completes: ["network", "container"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [network = "", Container = ""] = invocation.arguments;
    const ipam = {
      ...(invocation.given("ip") ? { IPv4Address: invocation.text("ip") } : {}),
      ...(invocation.given("ip6") ? { IPv6Address: invocation.text("ip6") } : {}),
      ...(invocation.given("link-local-ip") ? { LinkLocalIPs: invocation.texts("link-local-ip") } : {}),
    };
    const EndpointConfig = {
      ...(invocation.given("alias") ? { Aliases: invocation.texts("alias") } : {}),
      ...(invocation.given("link") ? { Links: invocation.texts("link") } : {}),
      ...(invocation.given("driver-opt")
        ? { DriverOpts: pairs("driver-opt", invocation.texts("driver-opt")) }
        : {}),
      ...(Object.keys(ipam).length > 0 ? { IPAMConfig: ipam } : {}),
    };
    const json = { Container, EndpointConfig };
    await named(docker, "network", network, () =>
      named(docker, "container", Container, () =>
        docker.transport.request("POST", `/networks/${part(network)}/connect`, { json }),
      ),
    );
    return 0;
  },
};

export const disconnect: Command = {
  name: "network disconnect",
  summary: "Take a container off a network",
  usage: "NETWORK CONTAINER",
  arguments: { min: 2, max: 2 },
  options: { force: { type: "boolean", short: "f", help: "even when the container is in a bad state" } },
  completes: ["network", "container"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [network = "", Container = ""] = invocation.arguments;
    const json = { Container, Force: invocation.flag("force") };
    await named(docker, "network", network, () =>
      named(docker, "container", Container, () =>
        docker.transport.request("POST", `/networks/${part(network)}/disconnect`, { json }),
      ),
    );
    return 0;
  },
};

export const remove: Command = {
  name: "network rm",
  summary: "Remove networks",
  usage: "NETWORK...",
  arguments: { min: 1 },
  options: jsonOption,
  completes: ["network"],
  run(invocation) {
    const docker = engineOf(invocation.root);
    return eachNamed(invocation, invocation.arguments, async (name) => {
      await named(docker, "network", name, () =>
        docker.transport.request("DELETE", `/networks/${part(name)}`),
      );
    });
  },
};

export const prune: Command = {
  name: "network prune",
  summary: "Remove networks that no container uses",
  usage: "",
  arguments: { max: 0 },
  options: pruneOptions,
  async run(invocation) {
    if (!(await confirmed(invocation, "all networks that no container uses"))) return 1;
    const result = await engineOf(invocation.root).transport.json<{ NetworksDeleted: string[] | null }>(
      "POST",
      "/networks/prune",
      { query: { filters: filtersOf(invocation.texts("filter")) } },
    );
    if (invocation.flag("json")) printJson(result);
    else print((result.NetworksDeleted ?? []).join("\n"));
    return 0;
  },
};
