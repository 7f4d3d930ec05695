import { readdirSync, statfsSync } from "node:fs";
import { formatBytes } from "../../../base/index.ts";
import { logDrivers } from "../../../containers/index.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import type { SystemBackend } from "./backend.ts";
import type { HostFacts } from "./host.ts";

/** GET /info. */
export async function encodeInfo(backend: SystemBackend, host: HostFacts, version: ApiVersion) {
  const { facts } = backend;
  const runc = (await facts.programVersions())["runc"];
  return {
    ID: facts.id,
    ...containerCounts(backend),
    Images: backend.imageBackend.images.list().length,
    Driver: "overlay2",
    DriverStatus: [
      ["Backing Filesystem", backingFilesystem(facts.root)],
      ["Supports d_type", "true"],
      ["Using metacopy", "false"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
      ...(facts.writableLimit === undefined
        ? []
        : [["Size of a container's files", formatBytes(facts.writableLimit)]]),
    ],
    DockerRootDir: facts.root,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "null"],
      Authorization: null,
      Log: logDrivers.filter((one) => one !== "none").toSorted(),
    },
    ...encodeLimits(facts.cgroups),
    ...(holds(quirks.bridgeNfInfo, version) ? { BridgeNfIptables: false, BridgeNfIp6tables: false } : {}),
    Debug: facts.debug,
    NFd: readdirSync("/proc/self/fd").length,
    NGoroutines: 0,
    SystemTime: backend.clock.now().toISOString(),
    LoggingDriver: "json-file",
    CgroupDriver: "cgroupfs",
    CgroupVersion: String(facts.cgroups.version),
    NEventsListener: 0,
    ...encodeHost(host),
    ...noRegistryOrSwarm,
    RegistryConfig: encodeRegistry(facts.registries, version),
    ExperimentalBuild: false,
    ServerVersion: facts.version,
    Runtimes: Object.fromEntries(Object.entries(facts.runtimes).map(([name, { path }]) => [name, { path }])),
    DefaultRuntime: facts.defaultRuntime,
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: facts.initBinary,
    ContainerdCommit: commit("", version),
    RuncCommit: commit(runc?.commit || (runc?.version ?? ""), version),
    InitCommit: commit("", version),
    SecurityOptions: securityOptions(backend, host, version),
    ...(holds(quirks.firewallBackend, version) ? { FirewallBackend: { Driver: "nftables" } } : {}),
    ...(holds(quirks.discoveredDevices, version) ? { DiscoveredDevices: [] } : {}),
    Warnings: warnings(backend, host),
  };
}

/** As dockerd calls them (statfs(2) has their numbers). */
const filesystems: Readonly<Record<number, string>> = {
  0xef53: "extfs", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x2fc12fc1: "zfs",
}; // prettier-ignore

function backingFilesystem(root: string): string {
  try {
    return filesystems[statfsSync(root).type] ?? "<unknown>";
  } catch {
    return "<unknown>";
  }
}

function encodeLimits({ controllers, version, swapAccounting }: SystemBackend["facts"]["cgroups"]) {
  return {
    ...(version === 1 ? { KernelMemoryTCP: controllers.has("memory") } : {}),
    MemoryLimit: controllers.has("memory"),
    SwapLimit: swapAccounting,
    CpuCfsPeriod: controllers.has("cpu"),
    CpuCfsQuota: controllers.has("cpu"),
    CPUShares: controllers.has("cpu"),
    CPUSet: controllers.has("cpuset"),
    PidsLimit: controllers.has("pids"),
    OomKillDisable: version === 1 && controllers.has("memory"),
  };
}

function encodeHost(host: HostFacts) {
  return {
    IPv4Forwarding: host.ipv4Forwarding,
    KernelVersion: host.kernel,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: "linux",
    Architecture: host.machine,
    NCPU: host.cpus,
    MemTotal: host.memory,
    Name: host.name,
    Labels: [],
    HttpProxy: process.env["HTTP_PROXY"] ?? process.env["http_proxy"] ?? "",
    HttpsProxy: process.env["HTTPS_PROXY"] ?? process.env["https_proxy"] ?? "",
    NoProxy: process.env["NO_PROXY"] ?? process.env["no_proxy"] ?? "",
  };
}

function securityOptions(backend: SystemBackend, host: HostFacts, version: ApiVersion): string[] {
  const options = [
    ...(host.apparmor ? ["name=apparmor"] : []),
    "name=seccomp,profile=builtin",
    ...(backend.facts.cgroups.version === 2 ? ["name=cgroupns"] : []),
  ];
  if (!holds(quirks.bareSecurityOptions, version)) return options;
  return options.map((option) => option.replace(/^name=/, "").replace(/,.*$/, ""));
}

function containerCounts(backend: SystemBackend) {
  const states = backend.containers.list().map((container) => container.state);
  const running = states.filter((state) => state.status === "running");
  const paused = running.filter((state) => state.paused);
  return {
    Containers: states.length,
    ContainersRunning: running.length - paused.length,
    ContainersPaused: paused.length,
    ContainersStopped: states.length - running.length,
  };
}

function commit(id: string, version: ApiVersion) {
  return { ID: id, ...(holds(quirks.expectedCommits, version) ? { Expected: id } : {}) };
}

function encodeRegistry({ mirrors, insecure }: SystemBackend["facts"]["registries"], version: ApiVersion) {
  const networks = insecure.filter((one) => one.includes("/"));
  const hosts = insecure.filter((one) => !one.includes("/"));
  const plain = (name: string) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }];
  return {
    ...(holds(quirks.nondistributableArtifacts, version)
      ? { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null }
      : {}),
    InsecureRegistryCIDRs: ["127.0.0.0/8", "::1/128", ...networks],
    IndexConfigs: {
      "docker.io": { Name: "docker.io", Mirrors: mirrors, Secure: true, Official: true },
      ...(Object.fromEntries(hosts.map(plain)) as object),
    },
    Mirrors: mirrors.length > 0 ? mirrors : null,
  };
}

const noRegistryOrSwarm = {
  IndexServerAddress: "https://index.docker.io/v1/",
  GenericResources: null,
  Swarm: {
    NodeID: "",
    NodeAddr: "",
    LocalNodeState: "inactive",
    ControlAvailable: false,
    Error: "",
    RemoteManagers: null,
  },
  ProductLicense: "",
  DefaultAddressPools: null,
  CDISpecDirs: [],
};

/** What a user of this machine should know, in Docker's words where it has them. */
function warnings(backend: SystemBackend, host: HostFacts): string[] | null {
  const { cgroups } = backend.facts;
  const list = [
    ...(cgroups.controllers.has("memory") ? [] : ["WARNING: No memory limit support"]),
    ...(cgroups.swapAccounting ? [] : ["WARNING: No swap limit support"]),
    ...(cgroups.controllers.has("pids") ? [] : ["WARNING: No pids limit support"]),
    ...(cgroups.controllers.has("cpu") ? [] : ["WARNING: No cpu cfs quota support"]),
    ...(host.ipv4Forwarding ? [] : ["WARNING: IPv4 forwarding is disabled"]),
  ];
  return list.length > 0 ? list : null;
}
