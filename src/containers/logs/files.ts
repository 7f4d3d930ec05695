import { open, stat, type FileHandle } from "node:fs/promises";
import { errnoOf } from "../../base/index.ts";
import { openCompressed } from "./compression.ts";
import { parsePiece } from "./format.ts";

/** An open log file, found again by its inode after a rotation has renamed it. */
export interface LogFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  readonly modifiedNs: bigint;
  /** Bytes that were there when it was opened. */
  readonly size: number;
}

/** Opens `path.N` … `path.1` and `path`, oldest first. Retried when a rotation came in between. */
export async function openLogFiles(
  path: string,
  maxFiles: number,
  stack: AsyncDisposableStack,
): Promise<LogFile[]> {
  for (;;) {
    const files: LogFile[] = [];
    const newest = await inodeOf(path);
    for (let number = maxFiles - 1; number >= 0; number--) {
      const file = number === 0 ? await openLogFile(path) : await openRotated(`${path}.${number}`);
      if (file) files.push(file);
    }
    const unique = new Set(files.map((file) => file.inode));
    if (unique.size === files.length && newest === (await inodeOf(path))) {
      for (const file of files) stack.defer(() => file.handle.close());
      return files;
    }
    for (const file of files) await file.handle.close();
  }
}

export async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** As it is, or unpacked. */
async function openRotated(path: string): Promise<LogFile | undefined> {
  const plain = await openLogFile(path);
  if (plain) return plain;
  const handle = await openCompressed(path);
  if (!handle) return undefined;
  const { ino, mtimeNs, size } = await handle.stat({ bigint: true });
  return { handle, inode: ino, modifiedNs: mtimeNs, size: Number(size) };
}

export async function openLogFile(path: string): Promise<LogFile | undefined> {
  try {
    const handle = await open(path, "r");
    const { ino, mtimeNs, size } = await handle.stat({ bigint: true });
    return { handle, inode: ino, modifiedNs: mtimeNs, size: Number(size) };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

const block = 64 * 1024;

/**
 * Finds where the last `count` lines begin that `wanted` accepts, reading backwards from the end: the index of the
 * file and the offset in it.
 */
export async function findTail(
  files: readonly LogFile[],
  count: number,
  wanted: (stream: "stdout" | "stderr") => boolean,
): Promise<{ readonly index: number; readonly offset: number }> {
  if (files.length === 0) return { index: 0, offset: 0 };
  let left = count;
  for (let index = files.length - 1; index >= 0; index--) {
    const found = await tailOf(files[index]!, left, wanted, index === files.length - 1);
    if (found.offset !== undefined) return { index, offset: found.offset };
    left -= found.seen;
  }
  return { index: 0, offset: 0 };
}

async function tailOf(
  { handle, size: bytes }: LogFile,
  count: number,
  wanted: (stream: "stdout" | "stderr") => boolean,
  newest: boolean,
): Promise<{ readonly seen: number; readonly offset?: number }> {
  let position = bytes;
  if (count === 0 && newest) return { seen: 0, offset: position };
  let rest: Uint8Array = new Uint8Array(0);
  let seen = 0;
  const met = new Set<string>();
  while (position > 0) {
    const size = Math.min(block, position);
    position -= size;
    const chunk = Buffer.concat([await readExactly(handle, position, size), rest]);
    // What lies before the first newline may begin in the block before.
    const firstBreak = position === 0 ? -1 : chunk.indexOf(0x0a);
    if (position > 0 && firstBreak < 0) {
      rest = chunk;
      continue;
    }
    let end = chunk.length;
    while (end > firstBreak + 1) {
      const start = end < 2 ? 0 : chunk.lastIndexOf(0x0a, end - 2) + 1;
      const piece = parsePiece(chunk.subarray(start, chunk[end - 1] === 0x0a ? end - 1 : end));
      // The last line of a stream is one, too, when it has no end yet.
      const whole = piece !== undefined && (!piece.partial || (newest && !met.has(piece.stream)));
      if (piece !== undefined) met.add(piece.stream);
      if (whole && wanted(piece.stream)) {
        // The line before the first one that is wanted: all after it belongs to the tail.
        if (seen === count) return { seen, offset: position + end };
        seen++;
      }
      end = start;
    }
    rest = chunk.subarray(0, firstBreak + 1);
  }
  return { seen };
}

async function readExactly(handle: FileHandle, position: number, size: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await handle.read(buffer, done, size - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
