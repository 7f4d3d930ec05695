import { fail } from "../../base/index.ts";
import type { OciConfig } from "../../runtimes/index.ts";
import { capabilitySets, resolveCapabilities } from "./capabilities.ts";
import type { ContainerSpec } from "../spec.ts";
import { confine } from "./confinement.ts";
import { buildDevices, parseDeviceRule } from "./devices.ts";
import { hostnameOf } from "./hostname.ts";
import type { HostFacts, NetworkNamespace, OciConfigInput, OciConfigResult } from "./input.ts";
import { buildMounts, initTarget, usesInit } from "./mounts.ts";
import { buildNamespaces, type OciNamespace } from "./namespaces.ts";
import { maskedPaths, readonlyPaths } from "./paths.ts";
import { environment } from "./process.ts";
import { buildResources } from "./resources.ts";
import { buildRlimits } from "./rlimits.ts";
import { defaultProfile, parseProfile, resolveSeccomp } from "./seccomp/index.ts";
import { buildSysctls } from "./sysctls.ts";

/** The oldest version of the specification that has all that is used here; crun 1.8 and runc 1.1 know it. */
const ociVersion = "1.0.2";

/**
 * The complete OCI runtime configuration of a container. Throws `invalid` for what cannot work (with Docker's words
 * where it has some), `unimplemented` for what is not supported, `conflict` for `container:ID` that does not run.
 */
export function buildOciConfig(input: OciConfigInput): OciConfigResult {
  const { spec } = input;
  const hostname = hostnameOf(input);
  const namespaces = buildNamespaces(input);
  const mounts = buildMounts(input);
  const process = buildProcess(input, hostname);
  const linux = buildLinux(input, namespaces, process.capabilities);
  const ownNames = namespaces.some((one) => one.type === "uts");
  return {
    config: {
      ociVersion,
      process: process.process,
      root: { path: input.rootfs, readonly: spec.security?.readonlyRootfs ?? false },
      ...(ownNames ? { hostname } : {}),
      mounts: mounts.mounts,
      ...(spec.annotations ? { annotations: spec.annotations } : {}),
      linux: {
        ...linux.linux,
        ...(mounts.rootfsPropagation ? { rootfsPropagation: mounts.rootfsPropagation } : {}),
        ...(process.mountLabel === undefined ? {} : { mountLabel: process.mountLabel }),
      },
    },
    warnings: [...process.warnings, ...linux.warnings],
  };
}

function buildProcess(input: OciConfigInput, hostname: string) {
  const { spec, process, user, host } = input;
  const args = [...(process.Entrypoint ?? []), ...(process.Cmd ?? [])];
  if (args.length === 0) throw fail("invalid", "container.no-command", "no command specified");
  const { capabilities, warnings } = resolveCapabilities(spec.security ?? {}, host.capabilities);
  const limits = buildRlimits(spec.resources?.ulimits ?? [], host);
  const oom = oomScore(spec.resources?.oomScoreAdj ?? 0, host);
  const confinement = confine(spec.security ?? {}, host);
  return {
    capabilities,
    warnings: [...warnings, ...limits.warnings, ...oom.warnings, ...confinement.warnings],
    mountLabel: confinement.mountLabel,
    process: {
      terminal: spec.tty ?? false,
      ...(spec.tty && spec.consoleSize
        ? { consoleSize: { height: spec.consoleSize.rows, width: spec.consoleSize.columns } }
        : {}),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: usesInit(spec) ? [initTarget, "--", ...args] : args,
      env: environment(process, spec, hostname, user, input.linkedEnv),
      cwd: process.WorkingDir || "/",
      capabilities: capabilitySets(capabilities, user.uid),
      ...(limits.rlimits.length > 0 ? { rlimits: limits.rlimits } : {}),
      noNewPrivileges: spec.security?.noNewPrivileges ?? false,
      oomScoreAdj: oom.score,
      ...confinement.process,
    },
  };
}

/**
 * What a request cannot have on this machine: throws as `buildOciConfig` does, for all that is known before the start,
 * and returns the warnings.
 */
export function checkOnHost(
  spec: ContainerSpec,
  host: HostFacts,
  network: NetworkNamespace["kind"],
): readonly string[] {
  const { resources = {}, security = {} } = spec;
  const warnings = [
    ...buildResources(resources, host).warnings,
    ...resolveCapabilities(security, host.capabilities).warnings,
    ...buildRlimits(resources.ulimits ?? [], host).warnings,
    ...oomScore(resources.oomScoreAdj ?? 0, host).warnings,
    ...confine(security, host).warnings,
  ];
  resources.deviceCgroupRules?.forEach(parseDeviceRule);
  const joined = network === "path" ? { kind: network, path: "" } : { kind: network };
  // Whether another container runs is seen at the start.
  const namespaces = buildNamespaces({ spec, host, network: joined, pidOf: () => process.pid });
  buildSysctls(spec.sysctls ?? {}, namespaces, spec.domainname);
  return warnings;
}

/** Without CAP_SYS_RESOURCE a process can't be made less likely to be killed than the daemon is. */
function oomScore(wanted: number, host: HostFacts): { score: number; warnings: string[] } {
  if (!Number.isInteger(wanted) || wanted < -1000 || wanted > 1000) {
    throw fail(
      "invalid",
      "resources.invalid",
      `Invalid value ${wanted}, range for oom score adj is [-1000, 1000]`,
    );
  }
  if (wanted >= host.oomScoreAdj || host.capabilities.has("CAP_SYS_RESOURCE")) {
    return { score: wanted, warnings: [] };
  }
  const warning = `The daemon may not lower the oom score below ${host.oomScoreAdj}: the container gets ${host.oomScoreAdj}`;
  // Nobody asked for the default of 0.
  return { score: host.oomScoreAdj, warnings: wanted === 0 ? [] : [warning] };
}

function buildLinux(
  input: OciConfigInput,
  namespaces: readonly OciNamespace[],
  capabilities: readonly string[],
): { linux: OciConfig; warnings: readonly string[] } {
  const { spec, host } = input;
  const { security = {}, resources: limits = {} } = spec;
  const privileged = security.privileged ?? false;
  // A new cgroup has no quota; crun cannot write version 1's word for that.
  const cpuQuota = limits.cpuQuota === -1 ? 0 : (limits.cpuQuota ?? 0);
  const { resources, warnings } = buildResources({ ...limits, cpuQuota }, host);
  const { devices, rules } = buildDevices(limits, privileged);
  const seccomp = buildSeccomp(input, capabilities);
  const deviceRules = host.cgroup.controllers.has("devices") ? { devices: rules } : {};
  return {
    warnings: [...warnings, ...seccomp.warnings],
    linux: {
      namespaces,
      cgroupsPath: input.cgroupPath,
      devices,
      resources: { ...resources, ...deviceRules },
      sysctl: buildSysctls(spec.sysctls ?? {}, namespaces, spec.domainname),
      maskedPaths: security.maskedPaths ?? (privileged ? [] : maskedPaths(host.thermalPaths)),
      readonlyPaths: security.readonlyPaths ?? (privileged ? [] : readonlyPaths),
      ...(seccomp.seccomp ? { seccomp: seccomp.seccomp } : {}),
    },
  };
}

function buildSeccomp(
  { spec, host }: OciConfigInput,
  capabilities: readonly string[],
): { seccomp?: OciConfig; warnings: readonly string[] } {
  const wanted = spec.security?.seccomp;
  if (wanted === "unconfined" || (wanted === undefined && spec.security?.privileged)) return { warnings: [] };
  if (!host.seccomp) {
    if (wanted === undefined)
      return { warnings: ["The kernel has no seccomp: system calls are not filtered"] };
    throw fail(
      "precondition",
      "seccomp.unsupported",
      "seccomp is not enabled in your kernel, cannot run a custom seccomp profile",
      {
        hint: "leave the profile out, or choose unconfined",
      },
    );
  }
  const profile = wanted === undefined ? defaultProfile : parseProfile(wanted);
  const { kernel, architecture } = host;
  return { seccomp: resolveSeccomp(profile, { capabilities, kernel, architecture }), warnings: [] };
}
