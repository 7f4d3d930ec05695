import { fail } from "../../base/index.ts";
import type { OciNamespace } from "./namespaces.ts";

/** Settings of an IPC namespace (ipc_namespaces(7)). */
const ofIpc = new Set(
  ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].map(
    (one) => `kernel.${one}`,
  ),
);

/** A container may bind low ports and send pings without a capability; as Docker has it since 20.10. */
const ofOwnNetwork = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
} as const;

/**
 * Kernel settings of the container's namespaces. Throws `invalid` / `sysctl.invalid`, in runc's words, for one that
 * would change the host.
 */
export function buildSysctls(
  asked: Readonly<Record<string, string>>,
  namespaces: readonly OciNamespace[],
  domainname: string | undefined,
): Readonly<Record<string, string>> {
  const wanted = Object.fromEntries(Object.entries(asked).map(([name, value]) => [dotted(name), value]));
  const apart = (type: OciNamespace["type"]) => namespaces.some((one) => one.type === type);
  const own = (type: OciNamespace["type"]) =>
    namespaces.some((one) => one.type === type && one.path === undefined);
  for (const name of Object.keys(wanted)) {
    const why = refusalOf(name, apart);
    if (why === undefined) continue;
    throw fail("invalid", "sysctl.invalid", `sysctl ${JSON.stringify(name)} ${why}`, {
      hint: "only net.* (not with the host's network), fs.mqueue.* and kernel settings of IPC can be set",
    });
  }
  return {
    ...(own("network") ? ofOwnNetwork : {}),
    ...(domainname && own("uts") ? { "kernel.domainname": domainname } : {}),
    ...wanted,
  };
}

/** sysctl(8) takes slashes, too: in `net/ipv4/conf/eth0.1/rp_filter` the dot is part of a name. */
function dotted(name: string): string {
  const at = name.search(/[./]/);
  return name[at] === "/" ? name.replaceAll(/[./]/g, (one) => (one === "/" ? "." : "/")) : name;
}

function refusalOf(name: string, apart: (type: OciNamespace["type"]) => boolean): string | undefined {
  if (ofIpc.has(name) || name.startsWith("fs.mqueue.")) {
    return apart("ipc") ? undefined : "is not allowed in the hosts ipc namespace";
  }
  if (name.startsWith("net.")) {
    return apart("network") ? undefined : "not allowed in host network namespace";
  }
  if (apart("uts") && name === "kernel.domainname") return undefined;
  if (apart("uts") && name === "kernel.hostname") {
    return 'is not allowed as it conflicts with the OCI "hostname" field';
  }
  return "is not in a separate kernel namespace";
}
