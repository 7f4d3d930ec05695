import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from "node:fs";
import { join } from "node:path";
import { getXattr, listXattrs } from "../../host/index.ts";

/** The first thing in which two trees of files are not the same. */
export interface TreeDifference {
  /** With a slash at the beginning. */
  readonly path: string;
  readonly what:
    | "missing"
    | "added"
    | "type"
    | "mode"
    | "owner"
    | "time"
    | "size"
    | "content"
    | "link"
    | "attributes";
  readonly was?: string;
  readonly is?: string;
}

/** So many files are compared before others get their turn. */
const filesPerTurn = 200;

/** Compares the files below two roots, in the order of their paths. */
export async function compareTrees(
  was: string,
  is: string,
  signal?: AbortSignal,
): Promise<TreeDifference | undefined> {
  let seen = 0;
  const visit = async (folder: string): Promise<TreeDifference | undefined> => {
    const names = new Set([was, is].flatMap((root) => readdirSync(join(root, folder))));
    for (const name of [...names].toSorted()) {
      if (++seen % filesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      const path = `${folder}/${name}`;
      const found = compareFiles(was, is, path);
      if (found) return { path, ...found };
      if (!lstatSync(join(was, path)).isDirectory()) continue;
      const inside = await visit(path);
      if (inside) return inside;
    }
    return undefined;
  };
  return await visit("");
}

function compareFiles(was: string, is: string, path: string): Omit<TreeDifference, "path"> | undefined {
  const [a, b] = [was, is].map((root) =>
    lstatSync(join(root, path), { bigint: true, throwIfNoEntry: false }),
  );
  if (!a || !b) return { what: a ? "missing" : "added" };
  const differ = (what: TreeDifference["what"], of: (stat: BigIntStats) => string) =>
    of(a) === of(b) ? undefined : { what, was: of(a), is: of(b) };
  const attributes = a.isSymbolicLink()
    ? ["", ""]
    : [attributesOf(join(was, path)), attributesOf(join(is, path))];
  return (
    differ("type", kindOf) ??
    differ("mode", (stat) => (stat.mode & 0o7777n).toString(8)) ??
    differ("owner", (stat) => `${stat.uid}:${stat.gid}`) ??
    (a.isDirectory() ? undefined : differ("size", (stat) => String(stat.size))) ??
    (a.isFile() && !sameContent(join(was, path), join(is, path))
      ? { what: "content" as const }
      : undefined) ??
    (a.isSymbolicLink() ? differLinks(join(was, path), join(is, path)) : undefined) ??
    differ("time", (stat) => new Date(Number(stat.mtimeMs)).toISOString()) ??
    (attributes[0] === attributes[1]
      ? undefined
      : { what: "attributes", was: attributes[0]!, is: attributes[1]! })
  );
}

function kindOf(stat: BigIntStats): string {
  if (stat.isCharacterDevice() && stat.rdev === 0n) return "removed";
  if (stat.isDirectory()) return "folder";
  if (stat.isSymbolicLink()) return "link";
  return stat.isFile() ? "file" : `special ${stat.mode & 0o170000n} ${stat.rdev}`;
}

function differLinks(was: string, is: string): Omit<TreeDifference, "path"> | undefined {
  const [a, b] = [readlinkSync(was), readlinkSync(is)];
  return a === b ? undefined : { what: "link", was: a, is: b };
}

function attributesOf(path: string): string {
  const names = listXattrs(path).toSorted();
  return names.map((name) => `${name}=${getXattr(path, name)?.toHex() ?? ""}`).join(" ");
}

function sameContent(was: string, is: string): boolean {
  const [a, b] = [openSync(was, "r"), openSync(is, "r")];
  try {
    const [one, other] = [Buffer.alloc(1 << 16), Buffer.alloc(1 << 16)];
    for (;;) {
      const [read, alike] = [readSync(a, one), readSync(b, other)];
      if (read !== alike || !one.subarray(0, read).equals(other.subarray(0, alike))) return false;
      if (read === 0) return true;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
