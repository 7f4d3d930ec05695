import { describe, expect, test } from "bun:test";
import type { Builds, CacheRecord } from "../../../builds/index.ts";
import type { Containers } from "../../../containers/index.ts";
import { testApi, type TestApi } from "../testing.ts";
import { absentFields } from "./absent.ts";
import specification from "./specification.json" with { type: "json" };

/** A container that uses as much as it can, so that each field of an answer has a reason to be there. */
const rich = {
  Image: "busybox",
  Cmd: ["sleep", "1"],
  Labels: { a: "b" },
  ExposedPorts: { "80/tcp": {} },
  StopSignal: "SIGINT",
  StopTimeout: 3,
  Healthcheck: {
    Test: ["CMD", "true"],
    Interval: 1e9,
    Timeout: 1e9,
    Retries: 1,
    StartPeriod: 1e9,
    StartInterval: 1e9,
  },
  Volumes: { "/anonymous": {} },
  HostConfig: {
    Annotations: { a: "b" },
    Binds: ["data:/data"],
    Init: true,
    LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
    PortBindings: { "80/tcp": [{ HostPort: "8080" }] },
    RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
    Mounts: [
      {
        Type: "bind",
        Source: "/tmp",
        Target: "/b",
        ReadOnly: true,
        BindOptions: {
          Propagation: "rprivate",
          NonRecursive: true,
          CreateMountpoint: true,
          ReadOnlyForceRecursive: true,
        },
      },
      {
        Type: "volume",
        Source: "data",
        Target: "/v",
        VolumeOptions: {
          NoCopy: true,
          Labels: { a: "b" },
          DriverConfig: { Name: "local", Options: { type: "tmpfs", device: "tmpfs" } },
        },
      },
      { Type: "image", Source: "busybox", Target: "/i", ImageOptions: { Subpath: "etc" } },
      { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1024, Mode: 511, Options: [["noexec"]] } },
    ],
    StorageOpt: { size: "0" },
    Sysctls: { "net.core.somaxconn": "1" },
    Tmpfs: { "/run": "" },
    Ulimits: [{ Name: "nofile", Soft: 10, Hard: 10 }],
    Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "r" }],
  },
};

interface Facts {
  readonly answer?: readonly string[];
}

/** What an image or a request must have for the field to be there; these have it not. */
const whenSet: Readonly<Record<string, readonly string[]>> = {
  "GET /containers/json": ["ImageManifestDescriptor.platform.variant"],
  "GET /containers/{id}/json": [
    "Config.Shell",
    "HostConfig.Mounts.BindOptions.ReadOnlyNonRecursive",
    "HostConfig.Mounts.VolumeOptions.Subpath",
    "ImageManifestDescriptor.platform.variant",
  ],
  "GET /images/json": ["Manifests.Descriptor.platform.variant", "Manifests.ImageData.Platform.variant"],
  "GET /images/{name}/json": [
    "Config.ArgsEscaped",
    "Config.ExposedPorts",
    "Config.Healthcheck",
    "Config.Shell",
    "Config.StopSignal",
    "Manifests.Descriptor.platform.variant",
    "Manifests.ImageData.Platform.variant",
    "Variant",
  ],
  "GET /networks": ["IPAM.Config.AuxiliaryAddresses", "IPAM.Config.IPRange"],
  "GET /networks/{id}": ["IPAM.Config.AuxiliaryAddresses", "IPAM.Config.IPRange"],
  "GET /containers/{id}/stats": ["precpu_stats"],
};

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** True when `path` leads somewhere in `value`; lists and maps are looked through. What is empty hides no field. */
function leads(value: unknown, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined || value === null) return true;
  if (typeof value !== "object") return false;
  if (Object.keys(value).length === 0) return true;
  if (Array.isArray(value)) return value.some((one) => leads(one, path));
  if (Object.hasOwn(value, name)) return leads((value as Record<string, unknown>)[name], rest);
  const inner: unknown[] = Object.values(value);
  return inner.every(isObject) && inner.some((one) => leads(one, path));
}

/** As a container on cgroup v1, which tells more, reads. */
const reading: Awaited<ReturnType<Containers["stats"]>> = {
  readAt: new Date(0),
  cpuTotalNs: 1n,
  cpuUserNs: 1n,
  cpuSystemNs: 1n,
  throttled: { periods: 1, throttledPeriods: 1, throttledNs: 1n },
  memoryBytes: 1,
  memoryInactiveFileBytes: 1,
  memoryLimitBytes: 2,
  memoryDetail: { total_inactive_file: 1 },
  pids: 1,
  pidsLimit: 2,
  blockIo: [{ major: 8, minor: 0, op: "read", value: 1 }],
  version1: {
    cpuPerCoreNs: [1],
    memoryPeakBytes: 1,
    memoryFailures: 0,
    blockOperations: [{ major: 8, minor: 0, op: "read", value: 1 }],
  },
  network: {
    eth0: {
      rxBytes: 1, rxPackets: 1, rxErrors: 0, rxDropped: 0, txBytes: 1, txPackets: 1, txErrors: 0, txDropped: 0,
    },
  },
}; // prettier-ignore

async function answers(api: TestApi): Promise<Record<string, unknown>> {
  api.parts.runtime.stats = () => Promise.resolve(reading);
  const created = await api.ask("POST", "/containers/create?name=rich", rich);
  const bad = created.status === 201 ? undefined : created.body;
  if (bad !== undefined) throw new Error(JSON.stringify(bad));
  const get = async (path: string) => (await api.ask("GET", path)).body;
  const started = await api.ask("POST", "/containers/rich/start");
  if (started.status !== 204) throw new Error(JSON.stringify(started.body));
  const exec = await api.ask("POST", "/containers/rich/exec", { Cmd: ["true"], User: "0" });
  const { Id } = exec.body as { Id: string };
  return {
    "POST /containers/create": created.body,
    "GET /containers/json": await get("/containers/json?size=1"),
    "GET /containers/{id}/json": await get("/containers/rich/json?size=1"),
    "GET /containers/{id}/stats": await get("/containers/rich/stats?stream=0&one-shot=1"),
    "GET /exec/{id}/json": await get(`/exec/${Id}/json`),
    "GET /images/json": await get("/images/json?manifests=1"),
    "GET /images/{name}/json": await get("/images/busybox/json?manifests=1"),
    "GET /images/{name}/history": await get("/images/busybox/history"),
    "GET /info": await get("/info"),
    "GET /version": await get("/version"),
    "GET /networks": await get("/networks"),
    "GET /networks/{id}": await get("/networks/bridge"),
    "GET /volumes": await get("/volumes"),
    "GET /volumes/{name}": await get("/volumes/data"),
    "GET /system/df": await get("/system/df?verbose=1"),
  };
}

const volume = {
  name: "data",
  driver: "local",
  path: "/nowhere",
  labels: { a: "b" },
  options: {},
  anonymous: false,
  createdAt: new Date(0),
};

const step: CacheRecord = {
  id: "k",
  type: "regular",
  description: "RUN true",
  createdAt: new Date(0),
  lastUsedAt: new Date(0),
  usageCount: 1,
  size: 1,
  shared: false,
  inUse: false,
};

/** An image and a volume, where the fakes have none to list. */
function fill({ dependencies, parts }: TestApi): void {
  Object.assign(dependencies.images, { list: () => [parts.images.resolve("busybox")] });
  Object.assign(dependencies.volumes, { list: () => [volume], get: () => volume, usage: async () => 1 });
  Object.assign(dependencies.layers, { list: () => [] });
}

describe("answers have what Docker's description names, but for what is told of", () => {
  test("every field", async () => {
    await using api = await testApi({ builds: { cacheRecords: () => [step] } as unknown as Builds });
    fill(api);
    const given = await answers(api);
    const facts = specification.endpoints as Readonly<Record<string, Facts>>;
    for (const [key, answer] of Object.entries(given)) {
      expect(answer).not.toHaveProperty("message");
      const absent = Object.keys(absentFields[key] ?? {});
      const missing = (facts[key]?.answer ?? []).filter((path) => !leads(answer, path.split(".")));
      const known = [...absent, ...(whenSet[key] ?? [])];
      const untold = missing.filter(
        (path) => !known.some((one) => path === one || path.startsWith(`${one}.`)),
      );
      expect({ key, untold }).toEqual({ key, untold: [] });
      const wrong = absent.filter((path) => !missing.includes(path));
      expect({ key, wrong }).toEqual({ key, wrong: [] });
    }
  });
});
