import { maskedPaths, readonlyPaths } from "../../../containers/index.ts";
import type { ContainerSpec, MountSpec, ResourceSpec, SecuritySpec } from "../../../containers/index.ts";
import type { PortMapping } from "../../../networks/index.ts";

const mib = 1024 * 1024;

/** Docker's `HostConfig` of what was asked for at creation. */
/** The other container of a link; undefined when it is gone. */
export type NameOf = (id: string) => string | undefined;

export function encodeHostConfig(spec: ContainerSpec, name = "", nameOf: NameOf = () => undefined) {
  const mounts = spec.mounts ?? [];
  return {
    ...encodeResources(spec.resources ?? {}),
    ...encodeSecurity(spec.security ?? {}),
    ...encodeNetwork(spec),
    Binds: orNull(mounts.flatMap((mount) => bindText(mount) ?? [])),
    ContainerIDFile: "",
    LogConfig: { Type: spec.log?.driver ?? "json-file", Config: logOptions(spec) },
    RestartPolicy: {
      Name: spec.restart?.name ?? "no",
      MaximumRetryCount: spec.restart?.maximumRetryCount ?? 0,
    },
    AutoRemove: spec.autoRemove ?? false,
    VolumeDriver: spec.volumeDriver ?? "",
    VolumesFrom: orNull(spec.volumesFrom ?? []),
    ConsoleSize: [spec.consoleSize?.rows ?? 0, spec.consoleSize?.columns ?? 0],
    ...(spec.annotations ? { Annotations: spec.annotations } : {}),
    CgroupnsMode: spec.namespaces?.cgroup ?? "private",
    IpcMode: spec.namespaces?.ipc ?? "private",
    Cgroup: "",
    Links: orNull((spec.network?.links ?? []).flatMap((text) => linkText(text, name, nameOf))),
    OomScoreAdj: spec.resources?.oomScoreAdj ?? 0,
    PidMode: spec.namespaces?.pid ?? "",
    UTSMode: spec.namespaces?.uts ?? "",
    UsernsMode: "",
    ShmSize: spec.shmSize ?? 64 * mib,
    ...(spec.storageOptions ? { StorageOpt: spec.storageOptions } : {}),
    ...(spec.sysctls ? { Sysctls: spec.sysctls } : {}),
    ...tmpfsAndMounts(mounts),
    Runtime: spec.runtime ?? "",
    Isolation: "",
    ...(spec.init === undefined ? {} : { Init: spec.init }),
  };
}

/** `/TARGET:/CONTAINER/ALIAS`; what was asked for on other networks than the default bridge is told there. */
function linkText(text: string, name: string, nameOf: NameOf): string[] {
  const [id = "", alias = ""] = text.split(":");
  const target = /^[0-9a-f]{64}$/.test(id) ? nameOf(id) : undefined;
  return target === undefined ? [] : [`/${target}:/${name}/${alias}`];
}

function encodeNetwork(spec: ContainerSpec) {
  const network = spec.network ?? {};
  return {
    NetworkMode: network.mode ?? "bridge",
    PortBindings: portBindings(network.ports ?? []),
    PublishAllPorts: network.publishAll ?? false,
    Dns: network.dns ?? [],
    DnsOptions: network.dnsOptions ?? [],
    DnsSearch: network.dnsSearch ?? [],
    ExtraHosts: orNull(spec.extraHosts ?? []),
  };
}

/** As asked: a host port that the daemon is to choose is an empty text. */
function portBindings(ports: readonly PortMapping[]) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const list = (bindings[`${port.containerPort}/${port.protocol}`] ??= []);
    const range = port.hostPortEnd === undefined ? "" : `-${port.hostPortEnd}`;
    list.push({ HostIp: port.hostIp, HostPort: port.hostPort === 0 ? "" : `${port.hostPort}${range}` });
  }
  return bindings;
}

function encodeSecurity(security: SecuritySpec) {
  const options = [
    ...(security.noNewPrivileges === undefined ? [] : [`no-new-privileges=${security.noNewPrivileges}`]),
    ...(security.seccomp === undefined ? [] : [`seccomp=${security.seccomp}`]),
    ...(security.apparmor === undefined ? [] : [`apparmor=${security.apparmor}`]),
    ...(security.labels ?? []).map((one) => `label=${one}`),
    ...(security.procOptions === undefined ? [] : [`proc-opts=${security.procOptions.join(",")}`]),
    ...(security.writableCgroups === undefined ? [] : [`writable-cgroups=${security.writableCgroups}`]),
  ];
  return {
    CapAdd: orNull(security.capAdd ?? []),
    CapDrop: orNull(security.capDrop ?? []),
    GroupAdd: orNull(security.groupAdd ?? []),
    Privileged: security.privileged ?? false,
    ReadonlyRootfs: security.readonlyRootfs ?? false,
    SecurityOpt: orNull(security.written ?? options),
    MaskedPaths: security.maskedPaths ?? (security.privileged ? null : maskedPaths()),
    ReadonlyPaths: security.readonlyPaths ?? (security.privileged ? null : readonlyPaths),
  };
}

function encodeResources(resources: ResourceSpec) {
  return {
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memory ?? 0,
    NanoCpus: resources.nanoCpus ?? 0,
    CgroupParent: resources.cgroupParent ?? "",
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice: (resources.blkioWeightDevice ?? []).map(({ path, weight }) => ({
      Path: path,
      Weight: weight,
    })),
    BlkioDeviceReadBps: rates(resources.blkioDeviceReadBps),
    BlkioDeviceWriteBps: rates(resources.blkioDeviceWriteBps),
    BlkioDeviceReadIOps: rates(resources.blkioDeviceReadIops),
    BlkioDeviceWriteIOps: rates(resources.blkioDeviceWriteIops),
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpuRealtimePeriod: resources.cpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntime ?? 0,
    CpusetCpus: resources.cpusetCpus ?? "",
    CpusetMems: resources.cpusetMems ?? "",
    Devices: (resources.devices ?? []).map((one) => ({
      PathOnHost: one.hostPath,
      PathInContainer: one.containerPath,
      CgroupPermissions: one.permissions,
    })),
    DeviceCgroupRules: orNull(resources.deviceCgroupRules ?? []),
    DeviceRequests: orNull(
      (resources.deviceRequests ?? []).map((one) => ({
        Driver: one.driver,
        Count: one.count,
        DeviceIDs: orNull(one.deviceIds),
        Capabilities: one.capabilities,
        Options: one.options,
      })),
    ),
    ...(resources.kernelMemory === undefined ? {} : { KernelMemory: resources.kernelMemory }),
    ...(resources.kernelMemoryTcp === undefined ? {} : { KernelMemoryTCP: resources.kernelMemoryTcp }),
    MemoryReservation: resources.memoryReservation ?? 0,
    // As much swap again as memory, when nothing was said.
    MemorySwap: resources.memorySwap ?? (resources.memory ?? 0) * 2,
    MemorySwappiness: resources.memorySwappiness ?? null,
    OomKillDisable: resources.oomKillDisable ?? false,
    // -1, which an update sets, is told as 0.
    PidsLimit: resources.pidsLimit === undefined ? null : Math.max(0, resources.pidsLimit),
    Ulimits: (resources.ulimits ?? []).map((one) => ({ Name: one.name, Hard: one.hard, Soft: one.soft })),
    CpuCount: resources.cpuCount ?? 0,
    CpuPercent: resources.cpuPercent ?? 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

function rates(given: ResourceSpec["blkioDeviceReadBps"] = []) {
  return given.map(({ path, rate }) => ({ Path: path, Rate: rate }));
}

function logOptions(spec: ContainerSpec): Readonly<Record<string, string>> {
  if (spec.log?.options !== undefined) return spec.log.options;
  return {
    ...(spec.log?.maxBytes === undefined ? {} : { "max-size": String(spec.log.maxBytes) }),
    ...(spec.log?.maxFiles === undefined ? {} : { "max-file": String(spec.log.maxFiles) }),
  };
}

/** A mount that was given by `-v` is shown under Binds, as it was given. */
function bindText(mount: MountSpec): string | undefined {
  if ((mount.type !== "bind" && mount.type !== "volume") || mount.mode === undefined) return undefined;
  const source = mount.type === "bind" ? mount.source : mount.name;
  return [source, mount.target, mount.mode].filter((part) => part !== undefined && part !== "").join(":");
}

function isElaborate(mount: Extract<MountSpec, { type: "volume" }>): boolean {
  const { labels, driver, driverOptions, subpath } = mount;
  return [labels, driver, driverOptions, subpath].some((one) => one !== undefined);
}

function tmpfsAndMounts(mounts: readonly MountSpec[]) {
  const plain = mounts.filter((mount) => mount.type === "tmpfs").filter((mount) => isPlainTmpfs(mount));
  const rest = mounts.filter(
    (mount) => bindText(mount) === undefined && !isPlainTmpfs(mount) && !isAnonymous(mount),
  );
  return {
    ...(plain.length === 0
      ? {}
      : { Tmpfs: Object.fromEntries(plain.map((mount) => [mount.target, (mount.options ?? []).join(",")])) }),
    ...(rest.length === 0 ? {} : { Mounts: rest.map(encodeMount) }),
  };
}

function isPlainTmpfs(mount: MountSpec): boolean {
  return mount.type === "tmpfs" && mount.short === true;
}

/** Shown under Config.Volumes instead. */
function isAnonymous(mount: MountSpec): boolean {
  return mount.type === "volume" && mount.name === undefined && !isElaborate(mount) && !mount.declared;
}

function encodeMount(mount: MountSpec) {
  switch (mount.type) {
    case "bind":
      return {
        Type: "bind",
        Source: mount.source,
        Target: mount.target,
        ...(mount.readOnly ? { ReadOnly: true } : {}),
        ...unlessEmpty("BindOptions", bindOptions(mount)),
      };
    case "volume":
      return {
        Type: "volume",
        ...(mount.name === undefined ? {} : { Source: mount.name }),
        Target: mount.target,
        ...(mount.readOnly ? { ReadOnly: true } : {}),
        ...unlessEmpty("VolumeOptions", {
          ...(mount.noCopy ? { NoCopy: true } : {}),
          ...(mount.labels ? { Labels: mount.labels } : {}),
          ...driverConfig(mount),
          ...(mount.subpath === undefined ? {} : { Subpath: mount.subpath }),
        }),
      };
    case "image":
      return {
        Type: "image",
        Source: mount.source,
        Target: mount.target,
        ...(mount.subpath === undefined ? {} : { ImageOptions: { Subpath: mount.subpath } }),
      };
    case "tmpfs":
      return {
        Type: "tmpfs",
        Target: mount.target,
        ...(mount.options?.includes("ro") ? { ReadOnly: true } : {}),
        ...unlessEmpty("TmpfsOptions", {
          ...(mount.size === undefined ? {} : { SizeBytes: mount.size }),
          ...(mount.mode === undefined ? {} : { Mode: mount.mode }),
          ...tmpfsWords(mount.options ?? []),
        }),
      };
    default:
      return mount satisfies never;
  }
}

function unlessEmpty(name: string, options: object): object {
  return Object.keys(options).length === 0 ? {} : { [name]: options };
}

function tmpfsWords(options: readonly string[]): { readonly Options?: readonly string[][] } {
  const words = options.filter((option) => option !== "ro");
  return words.length === 0 ? {} : { Options: words.map((option) => option.split("=", 2)) };
}

function bindOptions(mount: Extract<MountSpec, { type: "bind" }>) {
  return {
    ...(mount.propagation ? { Propagation: mount.propagation } : {}),
    ...(mount.nonRecursive ? { NonRecursive: true } : {}),
    ...(mount.createSource ? { CreateMountpoint: true } : {}),
    ...(mount.readOnlyBelow === "no" ? { ReadOnlyNonRecursive: true } : {}),
    ...(mount.readOnlyBelow === "force" ? { ReadOnlyForceRecursive: true } : {}),
  };
}

function driverConfig({ driver, driverOptions }: Extract<MountSpec, { type: "volume" }>) {
  if (driver === undefined && driverOptions === undefined) return {};
  return {
    DriverConfig: {
      ...(driver === undefined ? {} : { Name: driver }),
      ...(driverOptions === undefined ? {} : { Options: driverOptions }),
    },
  };
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null;
}
