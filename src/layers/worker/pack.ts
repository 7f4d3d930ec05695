import { closeSync, openSync, writeSync } from "node:fs";
import { fail } from "../../base/index.ts";
import { fileTypes, type FileCalls, type FileStatus } from "../../host/index.ts";
import { toUtf8, type ByteString, type TarEntry } from "../tar/entry.ts";
import { nameOf } from "../tar/path.ts";
import { opaqueName, whiteoutPrefix } from "./layer-writer.ts";
import type { Job, PackResult } from "./protocol.ts";
import { TreeReader } from "./tree-reader.ts";
import { opaqueXattr, overlayXattrPrefix, readXattrs } from "./xattrs.ts";

type PackJob = Extract<Job, { kind: "pack" }>;

/** Writes an overlay upper directory as the canonical archive of a layer; must be entered as the root already. */
export function packUpper(calls: FileCalls, job: PackJob, output: ArchiveFile): PackResult {
  const clamp = clampOf(job);
  const reader: TreeReader = new TreeReader({
    calls,
    write: (bytes) => output.write(bytes),
    special: (path, name, status) => writeWhiteout(reader, path, name, status),
    directory: (path, name) => {
      if (isOpaque(calls, path)) reader.mark(marker(`${name}/${opaqueName}`));
    },
    adjust(entry, path) {
      if (job.settle) dropOverlayXattrs(calls, path);
      return clamp?.changes(entry.modifiedNs) === true ? { ...entry, modifiedNs: clamp.latest } : entry;
    },
    socket: (path) => {
      if (job.settle) calls.unlink(path);
    },
  });
  writeRoot(calls, reader, clamp?.latest);
  if (isOpaque(calls, "/")) reader.mark(marker(opaqueName));
  reader.content("", "");
  reader.end();
  if (job.settle && clamp) clampTimes(calls, "", clamp);
  return { ...output.finish(), size: reader.bytes };
}

/** Times that do not go into the archive as they are. */
interface Clamp {
  readonly latest: bigint;
  readonly changes: (time: bigint) => boolean;
}

function clampOf({ sourceDateEpoch, since }: PackJob): Clamp | undefined {
  if (sourceDateEpoch === undefined) return undefined;
  const latest = BigInt(sourceDateEpoch) * 1_000_000_000n;
  const begin = since === undefined ? undefined : BigInt(since);
  return { latest, changes: (time) => time > latest || (begin !== undefined && time >= begin) };
}

/** A file that is hashed as it is written, in large pieces. */
export class ArchiveFile {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(1 << 20);
  readonly #hasher = new Bun.CryptoHasher("sha256");
  #filled = 0;
  #size = 0;

  constructor(path: string) {
    this.#fd = openSync(path, "wx", 0o600);
  }

  write(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (this.#filled + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length >= this.#buffer.length) return this.#out(bytes);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  finish(): { readonly digest: `sha256:${string}`; readonly archiveSize: number } {
    this.#flush();
    return { digest: `sha256:${this.#hasher.digest("hex")}`, archiveSize: this.#size };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #flush(): void {
    this.#out(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #out(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done, bytes.length - done);
  }
}

/** The root has an entry only when it differs from a plain one, so that equal changes make equal layers. */
function writeRoot(calls: FileCalls, reader: TreeReader, latest: bigint | undefined): void {
  const status = calls.status("/")!;
  const xattrs = readXattrs(calls, "/");
  const plain = (status.mode & 0o7777) === 0o755 && status.uid === 0 && status.gid === 0 && !xattrs;
  if (plain) return;
  reader.mark({
    path: "./",
    type: "directory",
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    size: 0,
    modifiedNs: latest ?? 0n,
    ...(xattrs ? { xattrs } : {}),
  });
}

function writeWhiteout(reader: TreeReader, path: ByteString, name: ByteString, status: FileStatus): boolean {
  const own = nameOf(name);
  if (isWhiteout(status)) {
    reader.mark(marker(`${name.slice(0, name.length - own.length)}${whiteoutPrefix}${own}`));
    return true;
  }
  if (!own.startsWith(whiteoutPrefix)) return false;
  throw fail("invalid", "layer.reserved-name", `no layer can hold a file called '${toUtf8(path)}'`, {
    hint: "rename it: names that begin with .wh. mark deleted files in image layers",
  });
}

/** How overlayfs hides a file of the layers below. */
export function isWhiteout(status: FileStatus): boolean {
  const isDevice = (status.mode & fileTypes.mask) === fileTypes.character;
  return isDevice && status.major === 0 && status.minor === 0;
}

/** Whether overlayfs hides all that the layers below have in the directory. */
export function isOpaque(calls: FileCalls, path: ByteString): boolean {
  const value = calls.getXattr(path, opaqueXattr);
  return value !== undefined && value.length === 1 && value[0] === 0x79;
}

function marker(path: ByteString): TarEntry {
  return { path, type: "file", mode: 0, uid: 0, gid: 0, size: 0, modifiedNs: 0n };
}

/** All but the opaque one: what the upper directory of one mount knew is wrong in another. */
function dropOverlayXattrs(calls: FileCalls, path: ByteString): void {
  for (const name of calls.xattrs(path).keys()) {
    if (name.startsWith(overlayXattrPrefix) && name !== opaqueXattr) calls.removeXattr(path, name);
  }
}

/** Children first, because a directory keeps the time that it gets last. */
function clampTimes(calls: FileCalls, path: ByteString, clamp: Clamp): void {
  for (const name of calls.list(path === "" ? "/" : path)) {
    const child = `${path}/${name}`;
    const status = calls.status(child)!;
    if ((status.mode & fileTypes.mask) === fileTypes.directory) clampTimes(calls, child, clamp);
    if (clamp.changes(status.modifiedNs)) calls.setTimes(child, clamp.latest);
  }
}
