import type { Option } from "../../command.ts";

/** An option of `run` and `create` whose value goes into one field of the request as it is. */
export interface FieldOption extends Option {
  /** `Hostname`, `HostConfig.Memory`. */
  readonly field?: string;
  /** How the values become the field's: texts by the option's type, one map of `KEY=VALUE`, or set members. */
  readonly as?: "map" | "nanos" | "list";
}

const list = { type: "string", multiple: true, as: "list" } as const;
const map = { type: "string", multiple: true, as: "map", value: "KEY=VALUE" } as const;
const host = (field: string) => `HostConfig.${field}`;

const processOptions = {
  interactive: { type: "boolean", short: "i", help: "keep stdin open" },
  tty: { type: "boolean", short: "t", help: "give it a terminal", field: "Tty" },
  env: {
    type: "string",
    short: "e",
    multiple: true,
    value: "NAME[=VALUE]",
    help: "set a variable; without a value: as it is here",
  },
  "env-file": {
    type: "string",
    multiple: true,
    value: "FILE",
    completes: "file",
    help: "set the variables of a file",
  },
  workdir: {
    type: "string",
    short: "w",
    value: "DIR",
    help: "where the command starts",
    field: "WorkingDir",
  },
  user: {
    type: "string",
    short: "u",
    value: "USER[:GROUP]",
    help: "who it runs as, names or numbers",
    field: "User",
  },
  entrypoint: { type: "string", value: "PROGRAM", help: "instead of the image's; '' for none" },
  "group-add": { ...list, value: "GROUP", help: "one more group", field: host("GroupAdd") },
  init: { type: "boolean", help: "run an init as process 1 that reaps children", field: host("Init") },
  "stop-signal": { type: "string", value: "SIGNAL", help: "what stop sends", field: "StopSignal" },
  "stop-timeout": { type: "number", value: "SECONDS", help: "how long stop waits", field: "StopTimeout" },
} satisfies Record<string, FieldOption>;

const identityOptions = {
  name: { type: "string", value: "NAME", help: "its name (default: one is made up)", completes: "nothing" },
  hostname: { type: "string", short: "h", value: "NAME", help: "its host name", field: "Hostname" },
  domainname: { type: "string", value: "NAME", help: "its domain name", field: "Domainname" },
  label: { type: "string", short: "l", multiple: true, value: "KEY[=VALUE]", help: "set a label" },
  "label-file": {
    type: "string",
    multiple: true,
    value: "FILE",
    completes: "file",
    help: "set the labels of a file",
  },
  annotation: { ...map, help: "pass an annotation to the runtime", field: host("Annotations") },
  cidfile: {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "write its id to a file that is not there yet",
  },
  rm: { type: "boolean", help: "remove it when it has ended", field: host("AutoRemove") },
  restart: {
    type: "string",
    value: "POLICY",
    help: "no, always, unless-stopped, on-failure or on-failure:TIMES",
  },
  "restart-unhealthy": { type: "boolean", help: "restart it when its health check says unhealthy" },
  pull: {
    type: "string",
    value: "WHEN",
    choices: ["missing", "always", "never"],
    help: "get the image: missing (the default), always or never",
  },
  platform: { type: "string", value: "OS/ARCH", help: "the image's platform" },
  quiet: { type: "boolean", short: "q", help: "no progress while the image is got" },
  runtime: {
    type: "string",
    value: "NAME",
    help: "crun (the default), runc or another OCI runtime",
    field: host("Runtime"),
  },
} satisfies Record<string, FieldOption>;

const fileOptions = {
  volume: {
    type: "string",
    short: "v",
    multiple: true,
    value: "SOURCE:TARGET[:ro]",
    help: "mount a volume, or a folder or file of this machine (a path)",
    completes: "volume",
  },
  mount: {
    type: "string",
    multiple: true,
    value: "type=TYPE,...",
    help: "the same in words: type=bind,source=/srv,target=/srv,readonly",
  },
  tmpfs: { type: "string", multiple: true, value: "PATH[:OPTIONS]", help: "mount a file system in memory" },
  "volumes-from": {
    ...list,
    value: "CONTAINER",
    help: "all mounts of another one",
    field: host("VolumesFrom"),
    completes: "container",
  },
  "volume-driver": {
    type: "string",
    value: "NAME",
    help: "driver of named volumes",
    field: host("VolumeDriver"),
  },
  "read-only": {
    type: "boolean",
    help: "its root file system cannot be written to",
    field: host("ReadonlyRootfs"),
  },
  "shm-size": { type: "size", help: "size of /dev/shm", field: host("ShmSize") },
  "storage-opt": { ...map, help: "options of its file system", field: host("StorageOpt") },
} satisfies Record<string, FieldOption>;

const networkOptions = {
  publish: {
    type: "string",
    short: "p",
    multiple: true,
    value: "[IP:][PORT:]PORT",
    help: "publish a port of it on this machine: 8080:80, 127.0.0.1:5432:5432, 53:53/udp",
  },
  "publish-all": {
    type: "boolean",
    short: "P",
    help: "publish all exposed ports on free ones",
    field: host("PublishAllPorts"),
  },
  expose: { type: "string", multiple: true, value: "PORT", help: "mark a port as one it serves" },
  network: {
    type: "string",
    multiple: true,
    value: "NETWORK",
    alias: "net",
    help: "a network, none, host or container:NAME; name=NETWORK,alias=NAME,ip=IP for more",
    completes: "network",
  },
  "network-alias": {
    type: "string",
    multiple: true,
    value: "NAME",
    alias: "net-alias",
    help: "another name of it on the network",
  },
  ip: { type: "string", value: "IP", help: "its IPv4 address" },
  ip6: { type: "string", value: "IP", help: "its IPv6 address" },
  "mac-address": { type: "string", value: "MAC", help: "its hardware address" },
  "link-local-ip": { type: "string", multiple: true, value: "IP", help: "a link-local address" },
  link: {
    ...list,
    value: "CONTAINER[:NAME]",
    help: "reach another one by a name",
    field: host("Links"),
    completes: "container",
  },
  "add-host": {
    type: "string",
    multiple: true,
    value: "NAME:IP",
    help: "a line of /etc/hosts; host-gateway is this machine",
  },
  dns: { ...list, value: "IP", help: "its DNS server", field: host("Dns") },
  "dns-option": {
    ...list,
    value: "OPTION",
    alias: "dns-opt",
    help: "an option for resolv.conf",
    field: host("DnsOptions"),
  },
  "dns-search": { ...list, value: "DOMAIN", help: "a search domain", field: host("DnsSearch") },
} satisfies Record<string, FieldOption>;

const limitOptions = {
  memory: { type: "size", short: "m", help: "memory at most", field: host("Memory") },
  "memory-swap": {
    type: "size",
    help: "memory and swap together; -1: swap without limit",
    field: host("MemorySwap"),
  },
  "memory-reservation": {
    type: "size",
    help: "memory that it keeps when the machine is short of it",
    field: host("MemoryReservation"),
  },
  "memory-swappiness": { type: "number", help: "0 to 100", field: host("MemorySwappiness") },
  "kernel-memory": { type: "size", help: "not supported by kernels of today", field: host("KernelMemory") },
  "oom-kill-disable": {
    type: "boolean",
    help: "wait for memory instead of being killed",
    field: host("OomKillDisable"),
  },
  "oom-score-adj": { type: "number", help: "-1000 to 1000: who is killed first", field: host("OomScoreAdj") },
  cpus: { type: "decimal", help: "so many CPUs at most: 1.5", field: host("NanoCpus"), as: "nanos" },
  "cpu-shares": { type: "number", short: "c", help: "its weight (default 1024)", field: host("CpuShares") },
  "cpu-period": {
    type: "number",
    value: "MICROSECONDS",
    help: "length of a CFS period",
    field: host("CpuPeriod"),
  },
  "cpu-quota": {
    type: "number",
    value: "MICROSECONDS",
    help: "CPU time in a period",
    field: host("CpuQuota"),
  },
  "cpu-rt-period": {
    type: "number",
    value: "MICROSECONDS",
    help: "length of a realtime period",
    field: host("CpuRealtimePeriod"),
  },
  "cpu-rt-runtime": {
    type: "number",
    value: "MICROSECONDS",
    help: "realtime in a period",
    field: host("CpuRealtimeRuntime"),
  },
  "cpuset-cpus": {
    type: "string",
    value: "CPUS",
    help: "on these CPUs only: 0-2,4",
    field: host("CpusetCpus"),
  },
  "cpuset-mems": {
    type: "string",
    value: "NODES",
    help: "on these memory nodes only",
    field: host("CpusetMems"),
  },
  "pids-limit": { type: "number", help: "processes at most; -1: no limit", field: host("PidsLimit") },
  "blkio-weight": { type: "number", help: "10 to 1000: its share of disks", field: host("BlkioWeight") },
  "blkio-weight-device": {
    type: "string",
    multiple: true,
    value: "DEVICE:WEIGHT",
    help: "its share of one disk",
  },
  "device-read-bps": { type: "string", multiple: true, value: "DEVICE:SIZE", help: "bytes read a second" },
  "device-write-bps": {
    type: "string",
    multiple: true,
    value: "DEVICE:SIZE",
    help: "bytes written a second",
  },
  "device-read-iops": { type: "string", multiple: true, value: "DEVICE:N", help: "reads a second" },
  "device-write-iops": { type: "string", multiple: true, value: "DEVICE:N", help: "writes a second" },
  ulimit: {
    type: "string",
    multiple: true,
    value: "NAME=SOFT[:HARD]",
    help: "a limit of its processes: nofile=1024:2048",
  },
  sysctl: { ...map, help: "a kernel setting of its namespaces", field: host("Sysctls") },
  "cgroup-parent": {
    type: "string",
    value: "CGROUP",
    help: "the cgroup above its own",
    field: host("CgroupParent"),
  },
} satisfies Record<string, FieldOption>;

const securityOptions = {
  "cap-add": { ...list, value: "CAPABILITY", help: "one more capability, or ALL", field: host("CapAdd") },
  "cap-drop": { ...list, value: "CAPABILITY", help: "one less, or ALL", field: host("CapDrop") },
  privileged: { type: "boolean", help: "everything root may do on this machine", field: host("Privileged") },
  "security-opt": {
    type: "string",
    multiple: true,
    value: "OPTION",
    help: "no-new-privileges, seccomp=FILE, seccomp=unconfined, systempaths=unconfined",
  },
  device: {
    type: "string",
    multiple: true,
    value: "PATH[:PATH[:rwm]]",
    help: "a device of this machine",
    completes: "file",
  },
  "device-cgroup-rule": {
    ...list,
    value: "RULE",
    help: "allow devices: 'c 42:* rmw'",
    field: host("DeviceCgroupRules"),
  },
  gpus: { type: "string", value: "GPUS", help: "all, how many, or device=ID" },
  userns: { type: "string", value: "MODE", help: "host: no user namespace", field: host("UsernsMode") },
  uts: { type: "string", value: "MODE", help: "host: this machine's name", field: host("UTSMode") },
  ipc: {
    type: "string",
    value: "MODE",
    help: "private, shareable, host, none or container:NAME",
    field: host("IpcMode"),
  },
  pid: { type: "string", value: "MODE", help: "host, or container:NAME", field: host("PidMode") },
  cgroupns: {
    type: "string",
    value: "MODE",
    choices: ["private", "host"],
    help: "private or host",
    field: host("CgroupnsMode"),
  },
  isolation: { type: "string", value: "NAME", help: "default", field: host("Isolation") },
} satisfies Record<string, FieldOption>;

const healthAndLogOptions = {
  "health-cmd": {
    type: "string",
    value: "COMMAND",
    help: "a shell command that ends with 0 when all is well",
  },
  "health-interval": { type: "duration", help: "between checks (default 30s)" },
  "health-timeout": { type: "duration", help: "how long a check may take (default 30s)" },
  "health-retries": { type: "number", help: "failures in a row until it is unhealthy (default 3)" },
  "health-start-period": { type: "duration", help: "at the start failures do not count for so long" },
  "health-start-interval": { type: "duration", help: "between checks while it starts" },
  "no-healthcheck": { type: "boolean", help: "not even the image's" },
  "log-driver": {
    type: "string",
    value: "NAME",
    help: "json-file (the default), local or none",
  },
  "log-opt": { type: "string", multiple: true, value: "KEY=VALUE", help: "max-size=10m, max-file=3" },
} satisfies Record<string, FieldOption>;

/** Docker's options of `run` and `create`, by what they are about. */
export const createOptions: Readonly<Record<string, FieldOption>> = {
  ...below("The process", processOptions),
  ...below("The container", identityOptions),
  ...below("Files", fileOptions),
  ...below("Networks", networkOptions),
  ...below("Limits", limitOptions),
  ...below("Rights and devices", securityOptions),
  ...below("Health and logs", healthAndLogOptions),
};

function below(section: string, options: Readonly<Record<string, FieldOption>>): Record<string, FieldOption> {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, section }]));
}
