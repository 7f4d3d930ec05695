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
    written: filled(host.SecurityOpt),
  });
}

/** One word of `SecurityOpt`, as it adds to what was said before. */
const options: Readonly<Record<string, (value: string, option: string) => SecuritySpec>> = {
  "no-new-privileges": (value, option) => ({ noNewPrivileges: truth(value, option) }),
  "writable-cgroups": (value, option) => ({ writableCgroups: truth(value, option) }),
  seccomp: (value) => defined({ seccomp: seccompProfile(value) }),
  apparmor: (value) => ({ apparmor: value }),
  label: (value) => ({ labels: [value] }),
  // What the docker CLI does itself, for clients that leave it to the daemon.
  systempaths: (value, option) => {
    if (value !== "unconfined") throw badOption(option);
    return { maskedPaths: [], readonlyPaths: [] };
  },
  // As podman has it.
  "proc-opts": (value) => ({ procOptions: value.split(",").filter(Boolean) }),
};

function decodeSecurityOptions(given: readonly string[]): SecuritySpec {
  return given.reduce<SecuritySpec>((all, option) => {
    if (option === "no-new-privileges") return { ...all, noNewPrivileges: true };
    if (option === "disable") return { ...all, labels: [...(all.labels ?? []), "disable"] };
    // `:` is the separator of old clients.
    const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
    if (at < 0) throw fail("invalid", "container.security-opt", `invalid --security-opt 1: "${option}"`);
    const name = option.slice(0, at);
    if (!Object.hasOwn(options, name)) throw badOption(option);
    const more = options[name]!(option.slice(at + 1), option);
    const labels = more.labels && { labels: [...(all.labels ?? []), ...more.labels] };
    return { ...all, ...more, ...labels };
  }, {});
}

function badOption(option: string): Error {
  return fail("invalid", "container.security-opt", `invalid --security-opt 2: "${option}"`);
}

/** Go's strconv.ParseBool. */
function truth(value: string, option: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw badOption(option);
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

/** Throws `invalid` for modes that do not exist. */
export function decodeNamespaces(host: HostConfigBody): NamespaceSpec {
  // All containers are in the host's user namespace.
  mode(host.UsernsMode, ["host"], false, "USER mode");
  if (![undefined, "default"].includes(filled(host.Isolation)?.toLowerCase())) {
    throw fail("invalid", "container.isolation", `invalid isolation '${host.Isolation}' on linux`);
  }
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
