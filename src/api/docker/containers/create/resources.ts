import { fail } from "../../../../base/index.ts";
import { parseLogOptions } from "../../../../containers/index.ts";
import type { LogSpec, ResourceSpec, RestartPolicy } from "../../../../containers/index.ts";
import { defined, filled, nonZero, whenTrue } from "../../http/defined.ts";
import type { HostConfigBody, ResourcesBody, RestartPolicyBody } from "./body.ts";

/** Docker's `Resources`. 0 means "not set"; -1 (memory and swap, processes) means without a limit. */
export function decodeResources(body: ResourcesBody): ResourceSpec {
  return defined({
    ...decodeBlockIo(body),
    ...decodeDevices(body),
    cgroupParent: filled(body.CgroupParent),
    kernelMemory: nonZero(body.KernelMemory),
    kernelMemoryTcp: nonZero(body.KernelMemoryTCP),
    // 0 is a value here: swap only when memory is all used.
    memorySwappiness: body.MemorySwappiness === -1 ? undefined : (body.MemorySwappiness ?? undefined),
    cpuRealtimePeriod: nonZero(body.CpuRealtimePeriod),
    cpuRealtimeRuntime: nonZero(body.CpuRealtimeRuntime),
    cpuPercent: nonZero(body.CpuPercent),
    cpuCount: nonZero(body.CpuCount),
    memory: nonZero(body.Memory),
    memorySwap: nonZero(body.MemorySwap),
    memoryReservation: nonZero(body.MemoryReservation),
    nanoCpus: nonZero(body.NanoCpus),
    cpuShares: nonZero(body.CpuShares),
    cpuPeriod: nonZero(body.CpuPeriod),
    cpuQuota: nonZero(body.CpuQuota),
    cpusetCpus: filled(body.CpusetCpus),
    cpusetMems: filled(body.CpusetMems),
    pidsLimit: nonZero(body.PidsLimit),
    ulimits: filled(body.Ulimits?.map((one) => ({ name: one.Name, soft: one.Soft, hard: one.Hard }))),
    oomKillDisable: whenTrue(body.OomKillDisable),
  });
}

function decodeBlockIo(body: ResourcesBody) {
  const rates = (given: ResourcesBody["BlkioDeviceReadBps"]) =>
    filled(given?.map(({ Path, Rate }) => ({ path: Path, rate: Rate })));
  return {
    blkioWeight: nonZero(body.BlkioWeight),
    blkioWeightDevice: filled(
      body.BlkioWeightDevice?.map(({ Path, Weight }) => ({ path: Path, weight: Weight })),
    ),
    blkioDeviceReadBps: rates(body.BlkioDeviceReadBps),
    blkioDeviceWriteBps: rates(body.BlkioDeviceWriteBps),
    blkioDeviceReadIops: rates(body.BlkioDeviceReadIOps),
    blkioDeviceWriteIops: rates(body.BlkioDeviceWriteIOps),
  };
}

function decodeDevices(body: ResourcesBody) {
  return {
    devices: filled(
      body.Devices?.map((one) => ({
        hostPath: one.PathOnHost,
        containerPath: filled(one.PathInContainer) ?? one.PathOnHost,
        permissions: filled(one.CgroupPermissions) ?? "rwm",
      })),
    ),
    deviceCgroupRules: filled(body.DeviceCgroupRules),
    deviceRequests: filled(
      body.DeviceRequests?.map((one) => ({
        driver: one.Driver ?? "",
        count: one.Count ?? 0,
        deviceIds: one.DeviceIDs ?? [],
        capabilities: one.Capabilities ?? [],
        options: one.Options ?? {},
      })),
    ),
  };
}

const restartNames = ["no", "always", "unless-stopped", "on-failure"] as const;

/** Throws `invalid` with Docker's text for a policy that does not exist. */
export function decodeRestartPolicy(body: RestartPolicyBody): RestartPolicy | undefined {
  const given = filled(body?.Name);
  const name = restartNames.find((one) => one === given);
  if (given !== undefined && name === undefined) {
    throw fail(
      "invalid",
      "container.restart-policy",
      `invalid restart policy: unknown policy '${given}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  const maximumRetryCount = nonZero(body?.MaximumRetryCount);
  if (name === undefined && maximumRetryCount === undefined) return undefined;
  return defined({ name: name ?? "no", maximumRetryCount });
}

/** Throws `invalid` with Docker's text for a log driver, or an option of one, that does not exist. */
export function decodeLog(body: HostConfigBody["LogConfig"]): LogSpec | undefined {
  const type = filled(body?.Type);
  const options = body?.Config ?? {};
  if (type === undefined && Object.keys(options).length === 0) return undefined;
  return parseLogOptions(type ?? "json-file", options);
}
