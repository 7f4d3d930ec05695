import { fail } from "../../../../base/index.ts";
import type { NamespaceSpec, SecuritySpec } from "../../../../containers/index.ts";
import { defined, filled, whenTrue } from "../../http/defined.ts";
import type { HostConfigBody } from "./body.ts";

/** Throws `invalid`, `unimplemented` by option. */
export function decodeSecurity(host: HostConfigBody): SecuritySpec {
  return defined({
    privileged: whenTrue(host.Privileged),
    capAdd: filled(host.CapAdd),
    capDrop: filled(host.CapDrop),
    readonlyRootfs: whenTrue(host.ReadonlyRootfs),
    groupAdd: filled(host.GroupAdd),
    // An empty list has a meaning of its own here: nothing is masked (`--security-opt systempaths=unconfined`).
    maskedPaths: host.MaskedPaths ?? undefined,
    readonlyPaths: host.ReadonlyPaths ?? undefined,
    ...decodeSecurityOptions(host.SecurityOpt ?? []),
  });
}

function decodeSecurityOptions(options: readonly string[]) {
  let noNewPrivileges: boolean | undefined;
  let seccomp: string | undefined;
  for (const option of options) {
    const [, name = "", value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
    if (name === "no-new-privileges") noNewPrivileges = value === undefined || value === "true";
    else if (name === "seccomp") seccomp = seccompProfile(value ?? "");
    else if (name === "apparmor")
      requireNone(option, value, "unconfined", "AppArmor is not supported on this host");
    else if (name === "label") requireNone(option, value, "disable", "SELinux labels are not supported");
    else throw fail("invalid", "container.security-opt", `invalid --security-opt 2: "${option}"`);
  }
  return { noNewPrivileges, seccomp };
}

function seccompProfile(value: string): string | undefined {
  if (value === "builtin" || value === "") return undefined;
  if (value === "unconfined") return value;
  try {
    JSON.parse(value);
    return value;
  } catch (cause) {
    throw fail("invalid", "container.seccomp", `Decoding seccomp profile failed: it is not JSON`, { cause });
  }
}

function requireNone(option: string, value: string | undefined, none: string, why: string): void {
  if (value === none) return;
  throw fail("unimplemented", "container.security-opt", `${why}: --security-opt ${option}`);
}

/** Throws `invalid` for modes that do not exist. */
export function decodeNamespaces(host: HostConfigBody): NamespaceSpec {
  return defined({
    pid: mode(host.PidMode, ["host"], true, "PID mode"),
    ipc: mode(host.IpcMode, ["none", "private", "shareable", "host"], true, "IPC mode"),
    uts: mode(host.UTSMode, ["host"], false, "UTS mode"),
    cgroup: mode(host.CgroupnsMode, ["private", "host"], false, "cgroup namespace mode"),
  });
}

function mode(
  given: string | null | undefined,
  known: readonly string[],
  ofContainer: boolean,
  what: string,
): string | undefined {
  const value = filled(given);
  if (value === undefined || known.includes(value)) return value;
  if (ofContainer && /^container:.+/.test(value)) return value;
  throw fail("invalid", "container.namespace", `invalid ${what}: ${value}`);
}
