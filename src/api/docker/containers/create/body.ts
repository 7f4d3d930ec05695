import { z } from "zod";

/** Go reads `null` as "not there"; so do these. Unknown fields are kept for `checkFields`. */
const text = z.string().nullish();
const whole = z.int().nullish();
const flag = z.boolean().nullish();
const texts = z.array(z.string()).nullish();
const textMap = z.record(z.string(), z.string()).nullish();
const set = z.record(z.string(), z.looseObject({}).nullish()).nullish();
/** A list, or one text that stands for a list of one (`Cmd: "ls"`). */
const words = z
  .union([z.array(z.string()), z.string().transform((one) => [one])], "expected a list of texts")
  .nullish();

/** Rows and columns. */
export const consoleSizeBody = z.array(z.int().min(0).max(65535)).length(2).nullish();

export const healthcheckBody = z
  .looseObject({
    Test: texts,
    Interval: whole,
    Timeout: whole,
    StartPeriod: whole,
    StartInterval: whole,
    Retries: whole,
  })
  .nullish();

const endpointBody = z.looseObject({
  IPAMConfig: z.looseObject({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: texts }).nullish(),
  Aliases: texts,
  Links: texts,
  DriverOpts: textMap,
  GwPriority: whole,
  MacAddress: text,
});

const portBinding = z.looseObject({ HostIp: text, HostPort: text });

const mountBody = z.looseObject({
  Type: z.string(),
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: z
    .looseObject({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    })
    .nullish(),
  VolumeOptions: z
    .looseObject({
      NoCopy: flag,
      Labels: textMap,
      Subpath: text,
      DriverConfig: z.looseObject({ Name: text, Options: textMap }).nullish(),
    })
    .nullish(),
  ImageOptions: z.looseObject({ Subpath: text }).nullish(),
  TmpfsOptions: z
    .looseObject({ SizeBytes: whole, Mode: whole, Options: z.array(z.array(z.string())).nullish() })
    .nullish(),
});

export const restartPolicyBody = z.looseObject({ Name: text, MaximumRetryCount: whole }).nullish();

const rates = z.array(z.looseObject({ Path: z.string(), Rate: z.int() })).nullish();

export const resourcesShape = {
  CpuShares: whole,
  CgroupParent: text,
  BlkioWeightDevice: z.array(z.looseObject({ Path: z.string(), Weight: z.int() })).nullish(),
  BlkioDeviceReadBps: rates,
  BlkioDeviceWriteBps: rates,
  BlkioDeviceReadIOps: rates,
  BlkioDeviceWriteIOps: rates,
  CpuRealtimePeriod: whole,
  CpuRealtimeRuntime: whole,
  CpuCount: whole,
  CpuPercent: whole,
  DeviceCgroupRules: texts,
  DeviceRequests: z
    .array(
      z.looseObject({
        Driver: text,
        Count: whole,
        DeviceIDs: texts,
        Capabilities: z.array(z.array(z.string())).nullish(),
        Options: textMap,
      }),
    )
    .nullish(),
  KernelMemory: whole,
  KernelMemoryTCP: whole,
  MemorySwappiness: whole,
  IOMaximumIOps: whole,
  IOMaximumBandwidth: whole,
  Memory: whole,
  BlkioWeight: whole,
  CpuPeriod: whole,
  CpuQuota: whole,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: z
    .array(z.looseObject({ PathOnHost: z.string(), PathInContainer: text, CgroupPermissions: text }))
    .nullish(),
  MemoryReservation: whole,
  MemorySwap: whole,
  NanoCpus: whole,
  OomKillDisable: flag,
  PidsLimit: whole,
  Ulimits: z.array(z.looseObject({ Name: z.string(), Soft: z.int(), Hard: z.int() })).nullish(),
};

export const hostConfigBody = z.looseObject({
  ...resourcesShape,
  Init: flag,
  Binds: texts,
  LogConfig: z.looseObject({ Type: text, Config: textMap }).nullish(),
  NetworkMode: text,
  PortBindings: z.record(z.string(), z.array(portBinding).nullish()).nullish(),
  RestartPolicy: restartPolicyBody,
  AutoRemove: flag,
  VolumesFrom: texts,
  Mounts: z.array(mountBody).nullish(),
  Annotations: textMap,
  CapAdd: texts,
  CapDrop: texts,
  CgroupnsMode: text,
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: text,
  Isolation: text,
  Links: texts,
  OomScoreAdj: whole,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  Tmpfs: textMap,
  VolumeDriver: text,
  UTSMode: text,
  UsernsMode: text,
  ShmSize: whole,
  Sysctls: textMap,
  StorageOpt: textMap,
  ConsoleSize: consoleSizeBody,
  Runtime: text,
  MaskedPaths: texts,
  ReadonlyPaths: texts,
});

export const createBody = z.looseObject({
  /** docker-py says it here, not in HostConfig. */
  Runtime: text,
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  OnBuild: texts,
  ExposedPorts: set,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: texts,
  Cmd: words,
  Healthcheck: healthcheckBody,
  Image: text,
  Volumes: set,
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text,
  Labels: textMap,
  StopSignal: text,
  StopTimeout: whole,
  HostConfig: hostConfigBody.nullish(),
  NetworkingConfig: z
    .looseObject({ EndpointsConfig: z.record(z.string(), endpointBody.nullish()).nullish() })
    .nullish(),
});

export const connectBody = z.looseObject({ Container: text, EndpointConfig: endpointBody.nullish() });

export type CreateBody = z.infer<typeof createBody>;
export type HostConfigBody = z.infer<typeof hostConfigBody>;
export type MountBody = z.infer<typeof mountBody>;
export type EndpointBody = z.infer<typeof endpointBody>;
export type ResourcesBody = z.infer<z.ZodObject<typeof resourcesShape>>;
export type HealthcheckBody = z.infer<typeof healthcheckBody>;
export type RestartPolicyBody = z.infer<typeof restartPolicyBody>;
