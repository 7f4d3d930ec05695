import { readdirSync } from "node:fs";
import { fail, type Logger } from "../base/index.ts";
import { interfaceExists, ipBatch, readSysctl, writeSysctl } from "../host/index.ts";
import { macOf } from "./address.ts";
import type { Network } from "./network.ts";
import { bridgeOptions } from "./options.ts";

/** Makes a network's bridge, or mends one that is there: addresses, state and kernel settings. */
export async function raiseBridge(network: Network, logger: Logger): Promise<void> {
  const name = network.bridge;
  if (name === undefined) throw fail("internal", "network.no-bridge", `${network.name} has no bridge`);
  const { mtu } = bridgeOptions(network.options);
  const addresses = network.subnets.map((one) => `${one.gateway}/${one.subnet.split("/")[1]}`);
  const ipv4 = addresses.filter((address) => !address.includes(":"));
  const ipv6 = addresses.filter((address) => address.includes(":"));
  const mac = macOf(ipv4[0]?.split("/")[0] ?? "0.0.0.1");
  await ipBatch([
    ...(interfaceExists(name)
      ? []
      : [`link add ${name} address ${mac} mtu ${mtu} type bridge forward_delay 0 stp_state 0`]),
    ...ipv4.map((address) => `addr replace ${address} brd + dev ${name}`),
    ...(ipv6.length > 0 ? [] : [`link set ${name} up`]),
  ]);
  writeSysctl(`net/ipv6/conf/${name}/accept_ra`, "0");
  writeSysctl(`net/ipv6/conf/${name}/accept_dad`, "0");
  writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, ipv6.length > 0 ? "0" : "1");
  // Lets the host reach published ports by 127.0.0.1; the packet filter keeps containers from doing the same.
  writeSysctl(`net/ipv4/conf/${name}/route_localnet`, "1");
  if (ipv6.length > 0) {
    await ipBatch([
      ...ipv6.map((address) => `addr replace ${address} dev ${name} nodad`),
      `link set ${name} up`,
    ]);
  }
  allowForwarding(ipv6.length > 0, logger);
}

/** Settings of the whole machine, so they are told; they stay when the daemon stops, as others may rely on them. */
function allowForwarding(ipv6: boolean, logger: Logger): void {
  if (writeSysctl("net/ipv4/ip_forward", "1")) {
    logger.info("the machine now forwards IPv4 packets (net.ipv4.ip_forward=1), as container networks need");
  }
  if (!ipv6 || readSysctl("net/ipv6/conf/all/forwarding") !== "0") return;
  // A forwarding host ignores router advertisements, and would lose its default route, unless accept_ra is 2.
  for (const name of readdirSync("/proc/sys/net/ipv6/conf")) {
    const setting = `net/ipv6/conf/${name}/accept_ra`;
    if (readSysctl(setting) === "1") writeSysctl(setting, "2");
  }
  writeSysctl("net/ipv6/conf/all/forwarding", "1");
  logger.info("the machine now forwards IPv6 packets (net.ipv6.conf.all.forwarding=1)");
}
