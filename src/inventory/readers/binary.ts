import { closeSync, openSync, readSync } from "node:fs";
import { inflateSync } from "node:zlib";
import type { Package } from "../package.ts";
import { readCargoAuditable, readGoModules } from "./language.ts";

/** Sections larger than this tell nothing of packages. */
const largestSection = 16 << 20;

/** What an ELF binary says it was made of. Empty for any other file. */
export function readBinary(path: string): Package[] {
  const fd = openSync(path, "r");
  try {
    const read = (offset: number, length: number) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
    };
    const head = read(0, 64);
    // Only the 64-bit kind: what makes such sections hardly exists in the other.
    if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2) return [];
    const sections = readSections(head, read);
    const go = sections.get(".go.buildinfo");
    const cargo = sections.get(".dep-v0");
    return [
      ...(go ? goPackages(read(go.offset, Math.min(go.size, largestSection))) : []),
      ...(cargo && cargo.size < largestSection ? cargoPackages(read(cargo.offset, cargo.size)) : []),
    ];
  } finally {
    closeSync(fd);
  }
}

interface Section {
  readonly offset: number;
  readonly size: number;
}

function readSections(
  head: Buffer,
  read: (offset: number, length: number) => Buffer,
): ReadonlyMap<string, Section> {
  const little = head[5] === 1;
  const u16 = (bytes: Buffer, at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (bytes: Buffer, at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const u64 = (bytes: Buffer, at: number) =>
    Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  const [table, width, count, names] = [u64(head, 40), u16(head, 58), u16(head, 60), u16(head, 62)];
  const found = new Map<string, Section>();
  if (width < 64 || count === 0 || names >= count) return found;
  const headers = read(table, width * count);
  if (headers.length < width * count) return found;
  const at = (index: number) => headers.subarray(index * width, (index + 1) * width);
  const section = (bytes: Buffer): Section => ({ offset: u64(bytes, 24), size: u64(bytes, 32) });
  const strings = section(at(names));
  if (strings.size > largestSection) return found;
  const text = read(strings.offset, strings.size);
  for (let index = 0; index < count; index++) {
    const start = u32(at(index), 0);
    const end = text.indexOf(0, start);
    if (end > start) found.set(text.toString("latin1", start, end), section(at(index)));
  }
  return found;
}

/** The form since Go 1.18: after 32 bytes two strings, each with its length before it. */
function goPackages(bytes: Buffer): Package[] {
  if (bytes.length < 34 || bytes.toString("latin1", 0, 14) !== "\xff Go buildinf:") return [];
  if ((bytes[15]! & 2) === 0) return [];
  const [version, next] = readString(bytes, 32);
  const [modules] = readString(bytes, next);
  // Marks of 16 bytes stand around the text.
  return readGoModules(modules.subarray(16, -16).toString("utf8"), version.toString("utf8"));
}

function readString(bytes: Buffer, start: number): [Buffer, number] {
  let [length, shift, at] = [0, 0, start];
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    length += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if ((byte & 0x80) === 0) break;
  }
  const begin = at + 1;
  return [bytes.subarray(begin, begin + length), begin + length];
}

function cargoPackages(bytes: Buffer): Package[] {
  return readCargoAuditable(inflateSync(bytes, { maxOutputLength: largestSection }).toString("utf8"));
}
