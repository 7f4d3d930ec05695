import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { fail } from "../base/index.ts";

/** Options of a volume of the driver `local`: what is mounted at its directory. */
export type VolumeOptions = Readonly<Record<string, string>>;

const known = ["type", "o", "device", "size"];
/** What an option cannot do without. */
const needs: Readonly<Record<string, readonly string[]>> = {
  device: ["type"],
  type: ["device"],
  o: ["device", "type"],
};

/** Throws `invalid` / `volume.option-invalid`, in Docker's words. */
export function checkOptions(name: string, options: VolumeOptions): void {
  const problem = optionsProblem(options);
  if (problem === undefined) return;
  throw fail("invalid", "volume.option-invalid", `create ${name}: ${problem}`, {
    hint: `a volume's options are ${known.join(", ")}`,
  });
}

/** What is wrong with the options of a volume; undefined when nothing is. */
export function optionsProblem(options: VolumeOptions): string | undefined {
  const given = Object.keys(options);
  const unknown = given.find((option) => !known.includes(option));
  if (unknown !== undefined) return `invalid option: "${unknown}"`;
  if (options["type"] === "cifs" && hasPort(options["device"] ?? "")) {
    return "port not allowed in CIFS device URL, include 'port' in 'o='";
  }
  const { size } = options;
  if (size !== undefined && !/^\d+(\.\d+)? ?([kmgtp]i?b?|b)?$/i.test(size)) return `invalid size: '${size}'`;
  if (size !== undefined && Number.parseFloat(size) > 0) return "quota size requested but no quota support";
  const missing = given.flatMap((option) => needs[option] ?? []).find((one) => !(one in options));
  return missing === undefined ? undefined : `missing required option: "${missing}"`;
}

function hasPort(device: string): boolean {
  return /^\/\/[^/]+:\d+(\/|$)/.test(device);
}

export function needsMount(options: VolumeOptions): boolean {
  return (options["type"] ?? "") !== "" || (options["device"] ?? "") !== "";
}

export interface MountCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Programs that mount(8) calls for these, and the packages that have them. */
const helpers: Readonly<Record<string, string>> = {
  nfs: "nfs-common",
  nfs4: "nfs-common",
  cifs: "cifs-utils",
  smb3: "cifs-utils",
};

/**
 * How mount(8) is called for a volume. A password goes in the environment, where no other user sees it. Throws
 * `precondition` / `volume.mount-helper` when the machine lacks the program for a network file system.
 */
export function mountCommand(
  options: VolumeOptions,
  target: string,
  isInstalled: (helper: string) => boolean = isHelperInstalled,
): MountCommand {
  const type = options["type"] || "none";
  const packageName = helpers[type];
  if (packageName !== undefined && !isInstalled(type)) {
    throw fail(
      "precondition",
      "volume.mount-helper",
      `failed to mount local volume: mount.${type} is not installed`,
      { hint: `apt-get install ${packageName}` },
    );
  }
  const words = (options["o"] ?? "").split(",").filter((word) => word !== "");
  const { device, rest } = serverOf(type, options["device"] ?? "", words);
  const password = rest.find((word) => /^(password|pass)=/.test(word));
  const kept = rest.filter((word) => word !== password);
  return {
    command: [
      ...["mount", "--no-mtab", "-t", type],
      ...(kept.length === 0 ? [] : ["-o", kept.join(",")]),
      ...["--source", device, "--target", target],
    ],
    environment: password === undefined ? {} : { PASSWD: password.slice(password.indexOf("=") + 1) },
  };
}

/** Docker mounts NFS without a helper, so people write `device=:/path` and the server as `addr=`. */
function serverOf(
  type: string,
  device: string,
  words: readonly string[],
): { readonly device: string; readonly rest: readonly string[] } {
  const address = words.find((word) => word.startsWith("addr="))?.slice("addr=".length);
  if (!type.startsWith("nfs") || address === undefined) return { device, rest: words };
  const rest = words.filter((word) => !word.startsWith("addr="));
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return { device: device.startsWith(":") ? `${host}${device}` : device, rest };
}

function isHelperInstalled(type: string): boolean {
  return ["/sbin", "/usr/sbin"].some((folder) => existsSync(`${folder}/mount.${type}`));
}
