import { fail } from "../../base/index.ts";

/**
 * A byte string: one character per byte (latin1), because names in Linux are bytes and need not be UTF-8. Its natural
 * order is the order of the bytes. Convert at the edges with `fromUtf8` and `toUtf8`.
 */
export type ByteString = string;

export const blockSize = 512;

export type EntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** An entry of a tar archive. Paths and names of extended attributes are byte strings, as the archive has them. */
export interface TarEntry {
  readonly path: ByteString;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for all but files. */
  readonly size: number;
  readonly modifiedNs: bigint;
  readonly linkTarget?: ByteString;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: ReadonlyMap<ByteString, Uint8Array>;
}

export function fromUtf8(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function toUtf8(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** `invalid` / `layer.malformed`: what was read is not a sound tar archive. */
export function malformed(message: string): Error {
  return fail("invalid", "layer.malformed", `the archive is damaged: ${message}`);
}
