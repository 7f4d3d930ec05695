import { isIP } from "node:net";
import { messageOf, type Logger } from "../base/index.ts";
import { run } from "../host/index.ts";
import type { FilteredPort } from "./ruleset.ts";

/** The kernel's memory of datagrams on their way to published ports. */
export interface Flows {
  /**
   * Makes the kernel forget those to UDP ports among these. A flow keeps the way that its first packet took for as long
   * as more come: to a container that has gone, or to nobody, when it began before there was one. A TCP client comes
   * with a new connection. What cannot be forgotten passes with a minute of silence, so that is no error.
   */
  forget(ports: readonly FilteredPort[]): Promise<void>;
  settle(): Promise<void>;
}

export function createFlows(logger: Logger): Flows {
  const pending = new Set<Promise<void>>();
  return {
    forget(ports) {
      const work = forgetEach(ports, logger).finally(() => pending.delete(work));
      pending.add(work);
      return work;
    },
    async settle() {
      await Promise.all(pending);
    },
  };
}

async function forgetEach(ports: readonly FilteredPort[], logger: Logger): Promise<void> {
  for (const { protocol, hostIp, hostPort } of ports) {
    if (protocol !== "udp") continue;
    const six = isIP(hostIp) === 6;
    const to = hostIp === "0.0.0.0" || hostIp === "::" ? [] : ["--orig-dst", hostIp];
    const command = ["conntrack", "-D", "-f", six ? "ipv6" : "ipv4", "-p", "udp", ...to];
    try {
      // It also exits with 1 when there was none.
      await run([...command, "--orig-port-dst", String(hostPort)]);
    } catch (error) {
      logger.warn("flows to a UDP port could not be forgotten: is conntrack installed?", {
        port: hostPort,
        error: messageOf(error),
      });
      return;
    }
  }
}
