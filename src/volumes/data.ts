import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  type BigIntStats,
} from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { getXattr, lchown, listXattrs, removeTree, runChecked, setTimes, setXattr } from "../host/index.ts";

/**
 * The directories of one volume.
 *
 * ```text
 * DIRECTORY/NAME/
 *   _data                     what containers see
 *   copying                   an image's files, not complete yet: after a crash it is thrown away
 *   copied                    complete, on their way into _data: after a crash the rest follows
 * ```
 *
 * `_data` itself always stays the same directory, as a container may have it mounted already.
 */
export interface VolumeData {
  readonly path: string;
  make(): void;
  /** Copies a directory's content, owner, mode, times and attributes included, unless the volume has content. */
  seed(source: string): Promise<void>;
  /** As `seed`, when something is mounted at the path: file by file, and what a crash interrupts stays half. */
  fill(source: string): Promise<void>;
  /** Finishes what a crash interrupted in `seed`. */
  recover(): void;
  /** Bytes that the files take on the disk. */
  usage(): Promise<number>;
  remove(): Promise<void>;
}

export function volumeData(directory: string, name: string): VolumeData {
  const folder = join(directory, name);
  const path = join(folder, "_data");
  const copying = join(folder, "copying");
  const copied = join(folder, "copied");
  const recover = () => {
    if (!existsSync(copied)) return;
    const attributes = readAttributes(copied);
    moveContent(copied, path);
    writeAttributes(path, attributes);
    // What lost against a container's own file goes with the next copy, or with the volume.
    if (readdirSync(copied).length === 0) rmdirSync(copied);
    else renameSync(copied, copying);
  };
  return {
    path,
    recover,
    make() {
      if (existsSync(path)) return;
      mkdirSync(path, { recursive: true });
      // Whatever the umask is: the data's owner decides who reads it, not the directory around it.
      chmodSync(path, 0o755);
    },
    async seed(source) {
      recover();
      if ((await readdir(path)).length > 0) return;
      await removeTree(copying, { within: folder });
      await mkdir(copying, { mode: 0o700 });
      await copy(source, copying);
      writeAttributes(copying, readAttributes(source));
      renameSync(copying, copied);
      recover();
    },
    async fill(source) {
      if ((await readdir(path)).length === 0) await copy(source, path);
    },
    async usage() {
      const text = await runChecked(["du", "-s", "--block-size=1", "--one-file-system", "--", path]);
      return Number(text.split("\t")[0]);
    },
    remove: () => removeTree(folder, { within: directory }),
  };
}

/** GNU cp keeps hard links, owners, modes, times, attributes and holes, and shares blocks where the disk can. */
async function copy(source: string, target: string): Promise<void> {
  await runChecked(["cp", "-a", "--reflink=auto", "--one-file-system", "--", `${source}/.`, target]);
}

/** Entry by entry, each as one step; what a container has made under the same name meanwhile wins. */
function moveContent(from: string, to: string): void {
  const present = new Set(readdirSync(to));
  for (const entry of readdirSync(from)) {
    if (!present.has(entry)) renameSync(join(from, entry), join(to, entry));
  }
}

interface Attributes {
  readonly status: BigIntStats;
  readonly extended: ReadonlyMap<string, Uint8Array>;
}

function readAttributes(path: string): Attributes {
  const names = listXattrs(path).filter((name) => !name.startsWith("trusted.overlay."));
  return {
    status: lstatSync(path, { bigint: true }),
    extended: new Map(names.map((name) => [name, getXattr(path, name) ?? new Uint8Array()])),
  };
}

/** Owner, mode, times and attributes of a directory. */
function writeAttributes(path: string, { status, extended }: Attributes): void {
  lchown(path, Number(status.uid), Number(status.gid));
  chmodSync(path, Number(status.mode & 0o7777n));
  for (const [name, value] of extended) setXattr(path, name, value);
  setTimes(path, status.atimeNs, status.mtimeNs);
}
