import { blockSize, malformed, type ByteString } from "./entry.ts";

/**
 * The 512-byte header of a tar entry, as POSIX.1-2024 (pax, "ustar Interchange Format") and GNU tar's manual
 * ("Basic Tar Format") lay it out.
 */
export interface RawHeader {
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly type: string;
  readonly link: ByteString;
  readonly major: number;
  readonly minor: number;
}

const at = {
  name: 0, mode: 100, uid: 108, gid: 116, size: 124, seconds: 136, checksum: 148, type: 156, link: 157, magic: 257,
  version: 263, major: 329, minor: 337, prefix: 345,
} as const; // prettier-ignore

export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

/** Throws `invalid` / `layer.malformed` for a wrong checksum or a number that is none. */
export function parseHeader(block: Buffer): RawHeader {
  checkSum(block);
  const magic = block.toString("latin1", at.magic, at.magic + 8);
  const isUstar = magic.startsWith("ustar\0");
  const prefix = isUstar ? text(block, at.prefix, 155) : "";
  const name = text(block, at.name, 100);
  const hasDevice = magic.startsWith("ustar");
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: numeric(block, at.mode, 8),
    uid: numeric(block, at.uid, 8),
    gid: numeric(block, at.gid, 8),
    size: numeric(block, at.size, 12),
    seconds: numeric(block, at.seconds, 12),
    type: String.fromCharCode(block[at.type]!),
    link: text(block, at.link, 100),
    major: hasDevice ? numeric(block, at.major, 8) : 0,
    minor: hasDevice ? numeric(block, at.minor, 8) : 0,
  };
}

function text(block: Buffer, start: number, length: number): ByteString {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return block.toString("latin1", start, end);
}

/** Octal digits with spaces or NULs around, or base-256 (GNU) when the first bit is set. */
function numeric(block: Buffer, start: number, length: number): number {
  const first = block[start]!;
  if (first & 0x80) return base256(block, start, length);
  let value = 0;
  let i = start;
  const end = start + length;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  for (; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) {
    if (block[i] !== 0x20 && block[i] !== 0) throw malformed("a number in a header is not octal");
  }
  return value;
}

function base256(block: Buffer, start: number, length: number): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = BigInt(negative ? block[start]! - 0x100 : block[start]! & 0x7f);
  for (let i = start + 1; i < start + length; i++) value = (value << 8n) | BigInt(block[i]!);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw malformed("a number in a header is too large");
  return result;
}

function checkSum(block: Buffer): void {
  let unsigned = 0;
  for (let i = 0; i < blockSize; i++) unsigned += block[i]!;
  for (let i = at.checksum; i < at.checksum + 8; i++) unsigned += 0x20 - block[i]!;
  const stored = numeric(block, at.checksum, 8);
  if (stored === unsigned) return;
  let signed = 0; // old tars summed signed characters
  for (let i = 0; i < blockSize; i++) {
    signed += i >= at.checksum && i < at.checksum + 8 ? 0x20 : (block[i]! << 24) >> 24;
  }
  if (stored !== signed) throw malformed("the checksum of a header is wrong");
}

/** What fits into a plain ustar header; larger things go into a pax record. */
export const ustarMax = { id: 0o7777777, size: 0o77777777777, device: 0o7777777, link: 100 } as const;

/** Splits a path into ustar's prefix and name, or undefined when it doesn't fit. */
export function splitPath(path: ByteString): { prefix: ByteString; name: ByteString } | undefined {
  if (path.length <= 100) return { prefix: "", name: path };
  if (path.length > 256) return undefined;
  // The slash is left out; the name may have up to 100 bytes and may not be empty, nor may the prefix.
  const slash = path.indexOf("/", path.length - 101);
  if (slash < 1 || slash > 155 || slash === path.length - 1) return undefined;
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Writes a ustar header to `block`; all values must fit. */
export function formatHeader(block: Buffer, header: RawHeader & { readonly prefix: ByteString }): void {
  block.fill(0, 0, blockSize);
  block.write(header.name, at.name, 100, "latin1");
  octal(block, at.mode, 8, header.mode);
  octal(block, at.uid, 8, header.uid);
  octal(block, at.gid, 8, header.gid);
  octal(block, at.size, 12, header.size);
  octal(block, at.seconds, 12, header.seconds);
  block.fill(0x20, at.checksum, at.checksum + 8);
  block.write(header.type, at.type, 1, "latin1");
  block.write(header.link, at.link, 100, "latin1");
  block.write("ustar\x0000", at.magic, 8, "latin1");
  octal(block, at.major, 8, header.major);
  octal(block, at.minor, 8, header.minor);
  block.write(header.prefix, at.prefix, 155, "latin1");
  let sum = 0;
  for (let i = 0; i < blockSize; i++) sum += block[i]!;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, at.checksum, 8, "latin1");
}

function octal(block: Buffer, start: number, length: number, value: number): void {
  block.write(value.toString(8).padStart(length - 1, "0"), start, length - 1, "latin1");
}
