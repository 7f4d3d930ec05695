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
 * Kernel settings of the container's own namespaces. Throws `invalid` / `sysctl.invalid` for one that would change the
 * host.
 */
export function buildSysctls(
  wanted: Readonly<Record<string, string>>,
  namespaces: readonly OciNamespace[],
  domainname: string | undefined,
): Readonly<Record<string, string>> {
  const own = (type: OciNamespace["type"]) =>
    namespaces.some((one) => one.type === type && one.path === undefined);
  for (const name of Object.keys(wanted)) {
    const allowed =
      (name.startsWith("net.") && own("network")) ||
      ((ofIpc.has(name) || name.startsWith("fs.mqueue.")) && own("ipc")) ||
      (name === "kernel.domainname" && own("uts"));
    if (allowed) continue;
    throw fail(
      "invalid",
      "sysctl.invalid",
      `sysctl '${name}' is not allowed: it is not the container's own`,
      {
        hint: "only net.* (not with the host's network), fs.mqueue.* and kernel settings of IPC can be set",
      },
    );
  }
  return {
    ...(own("network") ? ofOwnNetwork : {}),
    ...(domainname && own("uts") ? { "kernel.domainname": domainname } : {}),
    ...wanted,
  };
}
