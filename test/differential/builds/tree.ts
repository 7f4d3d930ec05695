import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { getXattr, listXattrs } from "../../../src/host/index.ts";

/** What a root filesystem holds, one line for each path: kind, mode, owner, content, attributes, its other names. */
export type Tree = ReadonlyMap<string, string>;

/** What every engine puts into a container, or leaves where it was mounted. */
const ofEngines = /^(dev|proc|sys|run|etc\/(hosts|hostname|resolv\.conf|mtab)|\.dockerenv)(\/|$)/;

export function readTree(root: string): Tree {
  const lines = new Map<string, string>();
  const inodes = new Map<bigint, string[]>();
  const walk = (folder: string) => {
    for (const name of readdirSync(join(root, folder)).toSorted()) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (ofEngines.test(path)) continue;
      const stat = lstatSync(join(root, path), { bigint: true });
      lines.set(path, describe(join(root, path)));
      if (stat.isDirectory()) walk(path);
      else if (stat.nlink > 1n) inodes.set(stat.ino, [...(inodes.get(stat.ino) ?? []), path]);
    }
  };
  walk("");
  for (const names of inodes.values()) {
    if (names.length < 2) continue;
    for (const name of names) lines.set(name, `${lines.get(name)} = ${names.join(" ")}`);
  }
  return lines;
}

function describe(path: string): string {
  const stat = lstatSync(path);
  const mode = stat.isSymbolicLink()
    ? "link"
    : (stat.mode & 0o170000).toString(8) + (stat.mode & 0o7777).toString(8).padStart(5, " ");
  const owner = `${stat.uid}:${stat.gid}`;
  if (stat.isSymbolicLink()) {
    return `${mode} ${owner} -> ${readlinkSync(path)} ${oldTime(stat.mtimeMs)}`.trim();
  }
  const attributes = listXattrs(path)
    .filter((name) => !name.startsWith("trusted.") && name !== "security.selinux")
    .map((name) => `${name}=${getXattr(path, name)?.toHex() ?? ""}`);
  const device = stat.isCharacterDevice() || stat.isBlockDevice() ? `device ${stat.rdev}` : "";
  const content = stat.isFile() ? contentOf(path) : device;
  return [mode, owner, content, oldTime(stat.mtimeMs), ...attributes].filter((one) => one !== "").join(" ");
}

/** Of files that were given a time of long ago on purpose; that of the others is when they were made. */
function oldTime(milliseconds: number): string {
  return milliseconds < Date.UTC(2001) ? `at ${milliseconds / 1000}` : "";
}

/** Short text as it is, so that a difference can be read. */
function contentOf(path: string): string {
  const bytes = readFileSync(path);
  if (bytes.length < 200) return JSON.stringify(bytes.toString());
  return `${bytes.length} bytes ${new Bun.CryptoHasher("sha1").update(bytes).digest("hex")}`;
}
