import { noEffect, partly, refused, supported, type FieldRule, type FieldTable } from "../../http/fields.ts";

/** POST /containers/create: the fields of the body itself (Docker's `ContainerConfig`). */
export const configFields: FieldTable = {
  Hostname: supported,
  Domainname: supported,
  User: supported,
  AttachStdin: noEffect("what is attached is said by the attach request"),
  AttachStdout: noEffect("what is attached is said by the attach request"),
  AttachStderr: noEffect("what is attached is said by the attach request"),
  ExposedPorts: supported,
  Tty: supported,
  OpenStdin: supported,
  StdinOnce: supported,
  Env: supported,
  Cmd: supported,
  Healthcheck: supported,
  ArgsEscaped: noEffect("it concerns Windows containers"),
  Image: supported,
  Volumes: supported,
  WorkingDir: supported,
  Entrypoint: supported,
  NetworkDisabled: supported,
  MacAddress: supported,
  OnBuild: refused,
  Labels: supported,
  StopSignal: supported,
  StopTimeout: supported,
  Shell: noEffect("it concerns builds; a container does not use it"),
  HostConfig: supported,
  NetworkingConfig: supported,
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
  BlkioWeightDevice: supported,
  BlkioDeviceReadBps: supported,
  BlkioDeviceWriteBps: supported,
  BlkioDeviceReadIOps: supported,
  BlkioDeviceWriteIOps: supported,
  CpuPeriod: supported,
  CpuQuota: supported,
  CpuRealtimePeriod: supported,
  CpuRealtimeRuntime: supported,
  CpusetCpus: supported,
  CpusetMems: supported,
  Devices: supported,
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
  Ulimits: supported,
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
  RestartPolicy: supported,
};

/** `HostConfig`, with Docker's `Resources` in it. */
export const hostConfigFields: FieldTable = {
  ...resourceFields,
  Init: supported,
  Binds: supported,
  ContainerIDFile: noEffect("the client itself writes the file"),
  LogConfig: supported,
  NetworkMode: supported,
  PortBindings: supported,
  RestartPolicy: supported,
  AutoRemove: supported,
  VolumeDriver: { support: "refused", defaults: ["local"] },
  VolumesFrom: supported,
  Mounts: supported,
  ConsoleSize: noEffect("the client sends the size again after the start"),
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
  Links: { support: "refused", instead: "put both containers on one network, where names resolve" },
  OomScoreAdj: supported,
  PidMode: supported,
  Privileged: supported,
  PublishAllPorts: supported,
  ReadonlyRootfs: supported,
  SecurityOpt: supported,
  StorageOpt: refused,
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
  IPAMConfig: supported,
  Links: { support: "refused", instead: "give the other container an alias on the network" },
  Aliases: supported,
  MacAddress: supported,
  DriverOpts: refused,
  GwPriority: refused,
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
  BindOptions: supported,
  VolumeOptions: supported,
  TmpfsOptions: supported,
  ImageOptions: refused,
  ClusterOptions: refused,
};

export const bindOptionFields: FieldTable = {
  Propagation: supported,
  NonRecursive: supported,
  CreateMountpoint: supported,
  ReadOnlyNonRecursive: refused,
  ReadOnlyForceRecursive: refused,
};

export const volumeOptionFields: FieldTable = {
  NoCopy: supported,
  Labels: supported,
  DriverConfig: supported,
  Subpath: supported,
};
