import { fail } from "../../base/index.ts";
import type { SecuritySpec } from "../spec.ts";

/** Every capability, in the kernel's order (capabilities(7), linux/capability.h). */
export const allCapabilities: readonly string[] = [
  "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
  "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
  "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
  "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
  "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
  "CHECKPOINT_RESTORE",
].map((name) => `CAP_${name}`); // prettier-ignore

/** What a container has when nothing is said, as with Docker. */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
  "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
  "CAP_AUDIT_WRITE",
]; // prettier-ignore

export interface CapabilitiesResult {
  readonly capabilities: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * The capabilities of a container, by Docker's rules: `ALL` in capAdd starts from all, `ALL` in capDrop from none. What
 * the daemon itself lacks can't be given: left out, with a warning when it was asked for by name. Throws `invalid` /
 * `capability.unknown`.
 */
export function resolveCapabilities(
  security: Pick<SecuritySpec, "privileged" | "capAdd" | "capDrop">,
  available: ReadonlySet<string>,
): CapabilitiesResult {
  const add = normalise(security.capAdd ?? [], "CapAdd");
  const drop = normalise(security.capDrop ?? [], "CapDrop");
  const wanted = wantedOf(security.privileged ?? false, add, drop);
  const missing = add.filter((one) => one !== "ALL" && wanted.has(one) && !available.has(one));
  return {
    capabilities: allCapabilities.filter((one) => wanted.has(one) && available.has(one)),
    warnings: missing.map((one) => `The daemon does not have ${one} itself: the container runs without it`),
  };
}

function wantedOf(privileged: boolean, add: readonly string[], drop: readonly string[]): Set<string> {
  if (privileged) return new Set(allCapabilities);
  if (add.includes("ALL")) return new Set(allCapabilities).difference(new Set(drop));
  if (drop.includes("ALL")) return new Set(add);
  return new Set(defaultCapabilities).difference(new Set(drop)).union(new Set(add));
}

function normalise(names: readonly string[], field: string): string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === "ALL" || upper === "CAP_ALL") return "ALL";
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (allCapabilities.includes(full)) return full;
    throw fail("invalid", "capability.unknown", `invalid ${field}: unknown capability: "${full}"`, {
      hint: "capabilities(7) lists them",
    });
  });
}

/**
 * The sets of a process. A process of another user than root gets what its files give it, out of the bounding set, as
 * execve(2) has it.
 */
export function capabilitySets(
  capabilities: readonly string[],
  uid: number,
): Record<string, readonly string[]> {
  if (uid !== 0) return { bounding: capabilities };
  return { bounding: capabilities, effective: capabilities, permitted: capabilities };
}
