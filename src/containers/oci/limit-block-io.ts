import { statSync } from "node:fs";
import { errnoOf, fail } from "../../base/index.ts";
import { splitDevice } from "../../host/index.ts";
import type { ResourceSpec } from "../spec.ts";
import { discarded, invalidLimit, offers, type LimitHost, type Setting, type Warn } from "./limits.ts";

const weightDevice: Setting = {
  controller: "blkio",
  v1: ["blkio.weight_device", "blkio.bfq.weight_device"],
};

/** Where each limit of one device goes, what v1 calls it, and Docker's words for a kernel without it. */
const throttles = [
  ["blkioDeviceReadBps", "throttleReadBpsDevice", "read_bps", "BPS Block I/O read", "I/O BPS read"],
  ["blkioDeviceWriteBps", "throttleWriteBpsDevice", "write_bps", "BPS Block I/O write", "I/O BPS write"],
  ["blkioDeviceReadIops", "throttleReadIOPSDevice", "read_iops", "IOPS Block read", "I/O IOPS read"],
  ["blkioDeviceWriteIops", "throttleWriteIOPSDevice", "write_iops", "IOPS Block write", "I/O IOPS write"],
] as const;

/** `linux.resources.blockIO`. */
export function limitBlockIo(spec: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  const limits = throttles.flatMap(([field, key, file, what, name]) => {
    const wanted = spec[field] ?? [];
    if (wanted.length === 0) return [];
    const setting = { controller: "blkio", v1: [`blkio.throttle.${file}_device`] };
    if (offers(host.cgroup, setting)) {
      return [[key, wanted.map(({ path, rate }) => ({ ...numberOf(path), rate: checkRate(path, rate) }))]];
    }
    warn(discarded(`${what} limit`, `Block ${name} limit`));
    return [];
  });
  return {
    ...weightOf(spec, host, warn),
    ...deviceWeights(spec, host, warn),
    ...(Object.fromEntries(limits) as Record<string, unknown>),
  };
}

function weightOf({ blkioWeight = 0 }: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  if (blkioWeight === 0) return {};
  checkWeight(blkioWeight, "Range of blkio weight is from 10 to 1000");
  if (host.cgroup.ioWeight) return { weight: blkioWeight };
  warn(discarded("Block I/O weight", "Weight"));
  return {};
}

function deviceWeights({ blkioWeightDevice = [] }: ResourceSpec, host: LimitHost, warn: Warn) {
  if (blkioWeightDevice.length === 0) return {};
  for (const { path, weight } of blkioWeightDevice) {
    checkWeight(weight, `invalid weight for device: ${path}:${weight}`);
  }
  if (offers(host.cgroup, weightDevice)) {
    return { weightDevice: blkioWeightDevice.map(({ path, weight }) => ({ ...numberOf(path), weight })) };
  }
  warn(discarded("Block I/O weight_device", "Weight-device"));
  return {};
}

function checkWeight(weight: number, message: string): void {
  if (weight < 10 || weight > 1000) throw invalidLimit(message);
}

function checkRate(path: string, rate: number): number {
  if (rate >= 0) return rate;
  throw invalidLimit(`invalid rate for device: ${path}:${rate}. Rate must be a positive integer`);
}

function numberOf(path: string): { readonly major: number; readonly minor: number } {
  try {
    const status = statSync(path);
    if (status.isBlockDevice()) return splitDevice(status.rdev);
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "EACCES"].includes(errnoOf(error) ?? "")) throw error;
    throw fail("invalid", "resources.invalid", `stat ${path}: no such file or directory`, { cause: error });
  }
  throw fail("invalid", "resources.invalid", `${path} is not a block device`, { hint: "lsblk lists them" });
}
