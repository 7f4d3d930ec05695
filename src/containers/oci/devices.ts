import { readdirSync, statSync, type Dirent, type Stats } from "node:fs";
import { join } from "node:path";
import { errnoOf, fail } from "../../base/index.ts";
import { splitDevice } from "../../host/index.ts";
import type { ResourceSpec } from "../spec.ts";

export interface OciDevice {
  readonly type: "c" | "b";
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: "c" | "b" | "a";
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

type DeviceSpec = Pick<ResourceSpec, "devices" | "deviceCgroupRules" | "deviceRequests">;

export interface DevicesResult {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/**
 * What every container may use: any device node may be made, and null, zero, full, random, urandom, tty, the console
 * and pseudo-terminals opened. The nodes themselves are made by the OCI runtime.
 */
const everyContainer: readonly OciDeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...[[1, 3], [1, 5], [1, 7], [1, 8], [1, 9], [5, 0], [5, 1], [5, 2]].map(
    ([major, minor]): OciDeviceRule => ({ allow: true, type: "c", major: major!, minor: minor!, access: "rwm" }),
  ),
  { allow: true, type: "c", major: 136, access: "rwm" },
]; // prettier-ignore

/**
 * Device nodes and the rules of the device cgroup. Throws `invalid` / `device.invalid`, `precondition` /
 * `device.no-driver` for devices that a driver would have to choose.
 */
export function buildDevices(spec: DeviceSpec, privileged = false): DevicesResult {
  refuseRequests(spec.deviceRequests ?? []);
  const wanted = spec.devices ?? [];
  const added = wanted.flatMap(({ hostPath, containerPath, permissions }) => {
    if (!/^[rwm]{1,3}$/.test(permissions || "rwm")) {
      throw fail("invalid", "device.invalid", `invalid device mode: ${permissions}`, {
        hint: "use letters of rwm",
      });
    }
    return hostDevices(hostPath, containerPath || hostPath).map((device) => ({
      device,
      access: permissions || "rwm",
    }));
  });
  if (privileged) {
    const own = new Set(added.map(({ device }) => device.path));
    const all = nodesBelow("/dev", "/dev").filter((device) => !own.has(device.path));
    return {
      devices: [...all, ...added.map(({ device }) => device)],
      rules: [{ allow: true, access: "rwm" }],
    };
  }
  const rules = added.map(({ device: { type, major, minor }, access }) => ({
    allow: true, type, major, minor, access,
  })); // prettier-ignore
  return {
    devices: added.map(({ device }) => device),
    rules: [...everyContainer, ...rules, ...(spec.deviceCgroupRules ?? []).map(parseDeviceRule)],
  };
}

/** `TYPE MAJOR:MINOR ACCESS`, such as `c 189:* rwm`. Throws `invalid` / `device.rule-invalid` in Docker's words. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
  if (!match) {
    throw fail("invalid", "device.rule-invalid", `invalid device cgroup rule format: '${text}'`, {
      hint: "write it like 'c 189:* rwm'",
    });
  }
  const [, type, major, minor, access] = match as unknown as [
    string,
    "a" | "b" | "c",
    string,
    string,
    string,
  ];
  return {
    allow: true,
    type,
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}

/** There is no driver that chooses devices here. The words are Docker's for a driver that is not installed. */
function refuseRequests(requests: NonNullable<ResourceSpec["deviceRequests"]>): void {
  const [first] = requests;
  if (first === undefined) return;
  const capabilities = `[${first.capabilities.map((one) => `[${one.join(" ")}]`).join(" ")}]`;
  throw fail(
    "precondition",
    "device.no-driver",
    `could not select device driver ${JSON.stringify(first.driver)} with capabilities: ${capabilities}`,
    { hint: "no driver chooses devices on this host; name the device files instead (--device)" },
  );
}

function hostDevices(hostPath: string, containerPath: string): OciDevice[] {
  let status: Stats;
  try {
    status = statSync(hostPath);
  } catch (error) {
    const reason = errnoOf(error) === "ENOENT" ? "no such file or directory" : errnoOf(error);
    throw fail(
      "invalid",
      "device.invalid",
      `error gathering device information while adding custom device "${hostPath}": ${reason}`,
      { cause: error },
    );
  }
  if (status.isDirectory()) return nodesBelow(hostPath, containerPath);
  const device = asDevice(status, containerPath);
  if (device !== undefined) return [device];
  throw fail(
    "invalid",
    "device.invalid",
    `error gathering device information while adding custom device "${hostPath}": not a device node`,
  );
}

/** Left out of a privileged container's /dev: what the container has its own of. */
const ownOfContainer = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"]);

/** Enough for any /dev; `--device /` would look at every file of the host, while everybody waits. */
const maxEntries = 10_000;

function nodesBelow(folder: string, target: string, budget = { entries: maxEntries }): OciDevice[] {
  return entriesOf(folder).flatMap((entry) => {
    if (ownOfContainer.has(entry.name)) return [];
    if (budget.entries-- === 0) {
      throw fail(
        "invalid",
        "device.invalid",
        `there are too many files below a folder of devices: "${folder}"`,
        {
          hint: "name the device, or a smaller folder",
        },
      );
    }
    const [path, inside] = [join(folder, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) return nodesBelow(path, inside, budget);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const status = statSync(path, { throwIfNoEntry: false });
    const device = status === undefined ? undefined : asDevice(status, inside);
    return device === undefined ? [] : [device];
  });
}

/** A folder that has gone, or that nobody may read (of another process in /proc), has no devices. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function asDevice(status: Stats, path: string): OciDevice | undefined {
  if (!status.isCharacterDevice() && !status.isBlockDevice()) return undefined;
  return {
    type: status.isCharacterDevice() ? "c" : "b",
    path,
    ...splitDevice(status.rdev),
    fileMode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
  };
}
