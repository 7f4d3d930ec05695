import {
  mapOf,
  noEffect,
  partly,
  refused,
  supported,
  within,
  type FieldRule,
  type FieldTable,
} from "../../http/fields.ts";

/** POST /containers/create: the fields of the body itself (Docker's `ContainerConfig`). */
export const configFields: FieldTable = {
  Hostname: supported,
  Domainname: supported,
  User: supported,
  AttachStdin: supported,
  AttachStdout: supported,
  AttachStderr: supported,
  ExposedPorts: supported,
  Tty: supported,
  OpenStdin: supported,
  StdinOnce: supported,
  Env: supported,
  Cmd: supported,
  Healthcheck: within(() => healthcheckFields),
  ArgsEscaped: noEffect("it concerns Windows containers"),
  Image: supported,
  Volumes: supported,
  WorkingDir: supported,
  Entrypoint: supported,
  NetworkDisabled: supported,
  MacAddress: supported,
  OnBuild: supported,
  Labels: supported,
  Runtime: supported,
  StopSignal: supported,
  StopTimeout: supported,
  Shell: noEffect("it concerns builds; a container does not use it"),
  HostConfig: within(() => hostConfigFields),
  NetworkingConfig: within(() => ({ EndpointsConfig: mapOf(() => endpointFields) })),
  name: noEffect("the query names the container; dockerode says it here, too"),
  platform: noEffect("the query names it; dockerode says it here, too"),
};

function windowsOnly(what: string): FieldRule {
  return {
    support: "refused",
    instead: "Windows only; Docker on Linux refuses it, too",
    words: `invalid QoS settings: linux does not support configuration of ${what}`,
  };
}

/** Docker's `Resources`. */
const resourceFields: FieldTable = {
  CpuShares: supported,
  Memory: supported,
  CgroupParent: supported,
  BlkioWeight: supported,
  BlkioWeightDevice: within(() => ({ Path: supported, Weight: supported })),
  BlkioDeviceReadBps: within(() => throttleFields),
  BlkioDeviceWriteBps: within(() => throttleFields),
  BlkioDeviceReadIOps: within(() => throttleFields),
  BlkioDeviceWriteIOps: within(() => throttleFields),
  CpuPeriod: supported,
  CpuQuota: supported,
  CpuRealtimePeriod: supported,
  CpuRealtimeRuntime: supported,
  CpusetCpus: supported,
  CpusetMems: supported,
  Devices: within(() => deviceFields),
  DeviceCgroupRules: supported,
  DeviceRequests: partly("kept; the start fails as Docker's does where no driver for them is installed"),
  KernelMemory: partly("Linux and Docker have given it up: a warning"),
  KernelMemoryTCP: partly("only cgroup v1 has it; a warning on v2"),
  MemoryReservation: supported,
  MemorySwap: supported,
  MemorySwappiness: partly("only cgroup v1 has it; a warning on v2, as with Docker"),
  NanoCpus: supported,
  OomKillDisable: supported,
  PidsLimit: supported,
  Ulimits: within(() => ulimitFields),
  CpuCount: partly("Windows only: a warning"),
  CpuPercent: partly("Windows only: a warning, as with Docker on Linux"),
  IOMaximumIOps: windowsOnly("maximum IOPs"),
  IOMaximumBandwidth: windowsOnly("maximum bandwidth"),
};

const whenMade = partly("fixed when the container is made: a change is refused");

/** POST /containers/{id}/update. */
export const updateFields: FieldTable = {
  ...resourceFields,
  CgroupParent: whenMade,
  Devices: whenMade,
  DeviceCgroupRules: whenMade,
  DeviceRequests: whenMade,
  Ulimits: whenMade,
  Init: noEffect("Docker knows the field and does nothing with it, either"),
  RestartPolicy: within(() => restartFields),
};

/** `HostConfig`, with Docker's `Resources` in it. */
export const hostConfigFields: FieldTable = {
  ...resourceFields,
  Init: supported,
  Binds: supported,
  ContainerIDFile: noEffect("the client itself writes the file"),
  LogConfig: within(() => ({ Type: supported, Config: supported })),
  NetworkMode: supported,
  PortBindings: mapOf(() => ({ HostIp: supported, HostPort: supported })),
  RestartPolicy: within(() => restartFields),
  AutoRemove: supported,
  VolumeDriver: partly("`local`; another one is not found, as with a Docker without plugins"),
  VolumesFrom: supported,
  Mounts: within(() => mountFields),
  ConsoleSize: supported,
  Annotations: supported,
  CapAdd: supported,
  CapDrop: supported,
  CgroupnsMode: supported,
  Dns: supported,
  DnsOptions: supported,
  DnsSearch: supported,
  ExtraHosts: supported,
  GroupAdd: supported,
  IpcMode: supported,
  Cgroup: noEffect("Docker knows the field and does nothing with it, either"),
  Links: supported,
  OomScoreAdj: supported,
  PidMode: supported,
  Privileged: supported,
  PublishAllPorts: supported,
  ReadonlyRootfs: supported,
  SecurityOpt: supported,
  StorageOpt: partly("`size`, on every filesystem; others are refused in Docker's words"),
  Tmpfs: supported,
  UTSMode: supported,
  UsernsMode: partly("`host`, which is what all containers have; Docker refuses other values, too"),
  ShmSize: supported,
  Sysctls: supported,
  Runtime: supported,
  Isolation: partly("`default`; Docker on Linux refuses other values, too"),
  MaskedPaths: supported,
  ReadonlyPaths: supported,
};

const told = noEffect("the daemon tells it, a client cannot set it");

/** An entry of `NetworkingConfig.EndpointsConfig`, also the `EndpointConfig` of POST /networks/{id}/connect. */
export const endpointFields: FieldTable = {
  IPAMConfig: within(() => ({ IPv4Address: supported, IPv6Address: supported, LinkLocalIPs: supported })),
  Links: supported,
  Aliases: supported,
  MacAddress: supported,
  DriverOpts: partly("`com.docker.network.endpoint.sysctls`; others are refused by name"),
  GwPriority: supported,
  NetworkID: told,
  EndpointID: told,
  Gateway: told,
  IPAddress: told,
  IPPrefixLen: told,
  IPv6Gateway: told,
  GlobalIPv6Address: told,
  GlobalIPv6PrefixLen: told,
  DNSNames: told,
};

/** An entry of `HostConfig.Mounts`. */
export const mountFields: FieldTable = {
  Type: supported,
  Source: supported,
  Target: supported,
  ReadOnly: supported,
  Consistency: noEffect("it concerns shared folders of Docker on a Mac"),
  BindOptions: within(() => bindOptionFields),
  VolumeOptions: within(() => volumeOptionFields),
  TmpfsOptions: within(() => ({ SizeBytes: supported, Mode: supported, Options: supported })),
  ImageOptions: within(() => imageOptionFields),
  ClusterOptions: refused,
};

export const bindOptionFields: FieldTable = {
  Propagation: supported,
  NonRecursive: supported,
  CreateMountpoint: supported,
  ReadOnlyNonRecursive: supported,
  ReadOnlyForceRecursive: supported,
};

export const imageOptionFields: FieldTable = { Subpath: supported };

export const volumeOptionFields: FieldTable = {
  NoCopy: supported,
  Labels: supported,
  DriverConfig: within(() => ({ Name: supported, Options: supported })),
  Subpath: supported,
};

const healthcheckFields: FieldTable = {
  Test: supported,
  Interval: supported,
  Timeout: supported,
  Retries: supported,
  StartPeriod: supported,
  StartInterval: supported,
};

const restartFields: FieldTable = { Name: supported, MaximumRetryCount: supported };

const deviceFields: FieldTable = {
  PathOnHost: supported,
  PathInContainer: supported,
  CgroupPermissions: supported,
};

const ulimitFields: FieldTable = { Name: supported, Soft: supported, Hard: supported };

const throttleFields: FieldTable = { Path: supported, Rate: supported };
