import { parseBytes } from "../../../base/index.ts";
import type { Invocation } from "../../command.ts";
import { wrong } from "../../values.ts";

/** Devices, GPUs, limits of processes and of disks. */
export function deviceBody(invocation: Invocation) {
  const gpus = invocation.text("gpus");
  const throttles = Object.entries(throttleFields).flatMap(([option, [field, read]]) =>
    invocation.given(option)
      ? [[field, invocation.texts(option).map((text) => throttle(option, text, read))] as const]
      : [],
  );
  return {
    ...all(invocation, "device", "Devices", deviceOf),
    ...all(invocation, "ulimit", "Ulimits", ulimitOf),
    ...all(invocation, "blkio-weight-device", "BlkioWeightDevice", (text) => {
      const { Path, Rate } = throttle("blkio-weight-device", text, Number);
      return { Path, Weight: Rate };
    }),
    ...Object.fromEntries(throttles),
    ...(gpus === undefined ? {} : { DeviceRequests: [gpuRequest(gpus)] }),
  };
}

function all(invocation: Invocation, option: string, field: string, read: (text: string) => object) {
  const texts = invocation.texts(option);
  return texts.length === 0 ? {} : { [field]: texts.map(read) };
}

const throttleFields = {
  "device-read-bps": ["BlkioDeviceReadBps", parseBytes],
  "device-write-bps": ["BlkioDeviceWriteBps", parseBytes],
  "device-read-iops": ["BlkioDeviceReadIOps", Number],
  "device-write-iops": ["BlkioDeviceWriteIOps", Number],
} as const;

function throttle(option: string, text: string, read: (amount: string) => number) {
  const match = /^(\/[^:]+):(.+)$/.exec(text);
  const Rate = match ? read(match[2]!) : Number.NaN;
  if (!match || !Number.isInteger(Rate)) throw wrong(option, "DEVICE:AMOUNT", text);
  return { Path: match[1]!, Rate };
}

/** `/dev/fuse`, `/dev/sda:/dev/xvda:rwm`, `/dev/sda:r`. */
function deviceOf(text: string) {
  const [onHost = "", second, third, ...more] = text.split(":");
  const isMode = (part: string | undefined) => part !== undefined && /^[rwm]+$/.test(part);
  const onlyMode = third === undefined && isMode(second);
  if (more.length > 0 || onHost === "" || (third !== undefined && !isMode(third))) {
    throw wrong("device", "PATH[:PATH[:rwm]]", text);
  }
  return {
    PathOnHost: onHost,
    PathInContainer: onlyMode ? onHost : (second ?? onHost),
    CgroupPermissions: (onlyMode ? second : third) ?? "rwm",
  };
}

function ulimitOf(text: string) {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!match) throw wrong("ulimit", "NAME=SOFT[:HARD]", text);
  const Soft = Number(match[2]);
  return { Name: match[1]!, Soft, Hard: match[3] === undefined ? Soft : Number(match[3]) };
}

function gpuRequest(text: string) {
  const capabilities = { Driver: "", Options: {}, Capabilities: [["gpu"]] };
  if (text === "all") return { ...capabilities, Count: -1 };
  if (/^\d+$/.test(text)) return { ...capabilities, Count: Number(text) };
  const devices = /^"?device=([^"]+)"?$/.exec(text)?.[1];
  if (devices === undefined) throw wrong("gpus", "all, how many, or device=ID", text);
  return { ...capabilities, DeviceIDs: devices.split(",") };
}
