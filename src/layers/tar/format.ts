import { schilyXattr } from "./apply-pax.ts";
import { blockSize, type EntryType, type TarEntry } from "./entry.ts";
import { formatHeader, splitPath, ustarMax } from "./header.ts";
import { formatPax, formatPaxTime, type PaxRecords } from "./pax.ts";

/**
 * The header blocks of an entry, in the one canonical form: ustar, with a pax header before it only for what ustar can't
 * hold. No names of users and groups, no access and change times. Same entry, same bytes, on every machine.
 * Directories get a slash at the end of their name.
 */
export function formatEntry(entry: TarEntry): Buffer {
  const path = entry.type === "directory" && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path;
  const records = recordsOf(entry, path);
  const fits = {
    path: splitPath(path) ?? { prefix: "", name: path.slice(0, 100) },
    seconds: Number(entry.modifiedNs / 1_000_000_000n),
  };
  const header = {
    ...fits.path,
    mode: entry.mode & 0o7777,
    uid: records.has("uid") ? 0 : entry.uid,
    gid: records.has("gid") ? 0 : entry.gid,
    size: records.has("size") ? 0 : entry.size,
    seconds: fits.seconds < 0 || fits.seconds > ustarMax.size ? 0 : fits.seconds,
    type: typeFlags[entry.type],
    link: (entry.linkTarget ?? "").slice(0, ustarMax.link),
    major: entry.major ?? 0,
    minor: entry.minor ?? 0,
  };
  if (records.size === 0) {
    const block = Buffer.allocUnsafe(blockSize);
    formatHeader(block, header);
    return block;
  }
  const body = formatPax(records);
  const blocks = Buffer.alloc(2 * blockSize + padded(body.length));
  const paxName = `PaxHeaders.0/${path.replace(/\/$/, "").split("/").at(-1)!.slice(0, 80)}`;
  const pax = {
    name: paxName,
    prefix: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    seconds: 0,
    link: "",
    major: 0,
    minor: 0,
  };
  formatHeader(blocks, { ...pax, size: body.length, type: "x" });
  body.copy(blocks, blockSize);
  formatHeader(blocks.subarray(blocks.length - blockSize), header);
  return blocks;
}

/** The size of `bytes` of content in an archive: rounded up to whole blocks. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / blockSize) * blockSize;
}

/** Two blocks of zeros. GNU tar fills up to 10 KiB; a canonical archive has no reason to. */
export const endOfArchive: Uint8Array = new Uint8Array(2 * blockSize);

const typeFlags: Readonly<Record<EntryType, string>> = {
  file: "0", hardlink: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6",
}; // prettier-ignore

function recordsOf(entry: TarEntry, path: string): PaxRecords {
  const records: PaxRecords = new Map();
  const put = (key: string, value: string) => records.set(key, Buffer.from(value, "latin1"));
  if (splitPath(path) === undefined) put("path", path);
  if ((entry.linkTarget ?? "").length > ustarMax.link) put("linkpath", entry.linkTarget!);
  if (entry.uid > ustarMax.id) put("uid", String(entry.uid));
  if (entry.gid > ustarMax.id) put("gid", String(entry.gid));
  if (entry.size > ustarMax.size) put("size", String(entry.size));
  const wholeSeconds = entry.modifiedNs % 1_000_000_000n === 0n;
  const inRange = entry.modifiedNs >= 0n && entry.modifiedNs <= BigInt(ustarMax.size) * 1_000_000_000n;
  if (!wholeSeconds || !inRange) put("mtime", formatPaxTime(entry.modifiedNs));
  for (const [name, value] of entry.xattrs ?? []) records.set(schilyXattr + name, Buffer.from(value));
  return records;
}
