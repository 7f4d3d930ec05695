import { malformed, toUtf8, type EntryType, type TarEntry } from "./entry.ts";
import type { RawHeader } from "./header.ts";
import { parsePaxInteger, parsePaxTime, type PaxRecords } from "./pax.ts";

export const schilyXattr = "SCHILY.xattr.";
const libarchiveXattr = "LIBARCHIVE.xattr.";

export function isSparse(records: PaxRecords): boolean {
  for (const key of records.keys()) if (key.startsWith("GNU.sparse.")) return true;
  return false;
}

/** The whole path: a header has only the beginning of a long one. */
export function pathOf(header: Pick<RawHeader, "name">, records: PaxRecords): string {
  return textRecord(records, "path") ?? header.name;
}

/** An entry of its header and the pax records that overrule it. Throws `invalid` / `layer.malformed`. */
export function applyPax(header: RawHeader, type: EntryType, records: PaxRecords): TarEntry {
  const path = pathOf(header, records);
  const isLink = type === "symlink" || type === "hardlink";
  const isDevice = type === "character" || type === "block";
  const size = integerRecord(records, "size") ?? header.size;
  const modified = textRecord(records, "mtime");
  const xattrs = xattrsOf(records);
  if (size < 0) throw malformed(`'${toUtf8(path)}' has a negative size`);
  const entry: TarEntry = {
    path,
    type,
    mode: header.mode & 0o7777,
    uid: idOf(integerRecord(records, "uid") ?? header.uid, path),
    gid: idOf(integerRecord(records, "gid") ?? header.gid, path),
    // Some writers store the size of a hard link's target; no content follows all the same.
    size: type === "file" ? size : 0,
    modifiedNs: modified === undefined ? BigInt(header.seconds) * 1_000_000_000n : parsePaxTime(modified),
    ...(isLink ? { linkTarget: textRecord(records, "linkpath") ?? header.link } : {}),
    ...(isDevice ? { major: header.major, minor: header.minor } : {}),
    ...(xattrs ? { xattrs } : {}),
  };
  refuseNul(entry.path);
  if (entry.linkTarget !== undefined) refuseNul(entry.linkTarget);
  return entry;
}

function record(records: PaxRecords, key: string): Buffer | undefined {
  const value = records.get(key);
  // An empty value takes back what a header before it said.
  return value === undefined || value.length === 0 ? undefined : value;
}

function textRecord(records: PaxRecords, key: string): string | undefined {
  return record(records, key)?.toString("latin1");
}

function integerRecord(records: PaxRecords, key: string): number | undefined {
  const text = textRecord(records, key);
  return text === undefined ? undefined : parsePaxInteger(key, text);
}

/** User and group ids have 32 bits; the last one means "leave as it is" to the kernel. */
function idOf(id: number, path: string): number {
  if (id < 0 || id >= 0xffffffff) throw malformed(`'${toUtf8(path)}' has the impossible owner ${id}`);
  return id;
}

function refuseNul(path: string): void {
  if (path.includes("\0")) throw malformed("a path holds a NUL byte");
  if (path.length > 4095) throw malformed("a path is longer than 4095 bytes");
}

/** SCHILY.xattr (raw bytes; GNU tar, Go) comes before libarchive's form (URL-encoded name, base64 value). */
function xattrsOf(records: PaxRecords): Map<string, Uint8Array> | undefined {
  let xattrs: Map<string, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (key.startsWith(schilyXattr)) {
      xattrs ??= new Map();
      xattrs.set(key.slice(schilyXattr.length), value);
    } else if (key.startsWith(libarchiveXattr)) {
      const name = percentDecoded(key.slice(libarchiveXattr.length));
      if (records.has(schilyXattr + name)) continue;
      xattrs ??= new Map();
      xattrs.set(name, Buffer.from(value.toString("latin1"), "base64"));
    }
  }
  return xattrs;
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
