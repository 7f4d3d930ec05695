import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";
import { join, posix } from "node:path";
import { fail } from "../../base/index.ts";
import { globMatches, hasGlob } from "./glob.ts";
import type { IgnoreRules } from "./ignore.ts";
import { resolveInRoot, RootedPathError, type RootedPath } from "./root-path.ts";

/** Files that COPY and ADD take from: the build context, or the root filesystem of a stage or an image. */
export interface SourceTree {
  /** As errors call it: `the build context`. */
  readonly label: string;
  readonly root: string;
  readonly ignore: IgnoreRules;
  /** Files of a stage keep their owner; those of the context become root's. */
  readonly keepOwner: boolean;
}

/** One file, folder or link to be copied. */
export interface SourceEntry {
  /** Below the destination; empty for the source itself. */
  readonly to: string;
  readonly absolute: string;
  readonly stat: BigIntStats;
}

/** What one source word (or one match of its pattern) stands for. */
export interface SelectedSource {
  /** The name that a file gets in a destination folder. */
  readonly name: string;
  /** Folders to make below the destination first (`--parents`). */
  readonly parents: string;
  readonly kind: "file" | "directory";
  /** A folder's entries come before what is in them. The folder itself is the first, unless it is the tree's root. */
  readonly entries: readonly SourceEntry[];
}

export interface SelectOptions {
  readonly exclude: IgnoreRules;
  /** Keep the folders of the source's path. */
  readonly parents: boolean;
}

/**
 * The files that `pattern` names. A pattern with wildcards may match nothing (an empty result); a plain path must
 * be there: throws `invalid` / `build.source-not-found`, `build.source-escape`.
 */
export async function selectSources(
  tree: SourceTree,
  pattern: string,
  options: SelectOptions,
): Promise<SelectedSource[]> {
  const pivot = options.parents ? pattern.indexOf("/./") : -1;
  const base = pivot < 0 ? "" : clean(pattern.slice(0, pivot));
  const path = clean(pattern);
  const matches = hasGlob(path) ? expandGlob(tree, path, options.parents) : [path];
  const selected: SelectedSource[] = [];
  for (const match of matches) {
    const rooted = resolveSource(tree, match);
    const one = await selectOne(tree, match, rooted, options.exclude, posix.basename(match));
    const kept = posix.relative(base, match);
    const parents = one.kind === "directory" ? kept : posix.dirname(kept);
    selected.push({ ...one, parents: options.parents && parents !== "." ? parents : "" });
  }
  return selected;
}

/** Without leading slashes and `..` that lead out, as Docker takes source paths. */
function clean(path: string): string {
  return posix.resolve("/", path).slice(1);
}

function resolveSource(tree: SourceTree, path: string): RootedPath {
  let rooted: RootedPath;
  try {
    rooted = resolveInRoot(tree.root, path);
  } catch (error) {
    if (error instanceof RootedPathError) throw notFound(tree, path, error.message);
    throw error;
  }
  if (rooted.escaped && !tree.keepOwner) {
    throw fail("invalid", "build.source-escape", `"${path}" is a symlink that leads out of ${tree.label}`, {
      hint: "put the file itself into the context",
    });
  }
  const hidden = (one: string) => tree.ignore.excludes(one) && !tree.ignore.mayIncludeBelow(one);
  if (!rooted.exists || (path !== "" && (hidden(path) || hidden(rooted.path)))) throw notFound(tree, path);
  return rooted;
}

function notFound(tree: SourceTree, path: string, reason = "file does not exist") {
  const excluded = tree.keepOwner ? "" : " or excluded by .dockerignore";
  return fail(
    "invalid",
    "build.source-not-found",
    `"/${path}": not found in ${tree.label}${excluded}: ${reason}`,
    {
      hint: tree.keepOwner
        ? "look at what the stage before really makes"
        : "paths are relative to the context, not to the Dockerfile",
    },
  );
}

async function selectOne(
  tree: SourceTree,
  match: string,
  rooted: RootedPath,
  exclude: IgnoreRules,
  name: string,
): Promise<Omit<SelectedSource, "parents">> {
  const stat = lstatSync(rooted.absolute, { bigint: true });
  const top: SourceEntry = { to: "", absolute: rooted.absolute, stat };
  if (!stat.isDirectory()) {
    // The reference gives --exclude the paths of the context, as for .dockerignore.
    if (exclude.excludes(match)) return { name, kind: "file", entries: [] };
    if (tree.ignore.excludes(rooted.path)) throw notFound(tree, match);
    return { name, kind: "file", entries: [top] };
  }
  const walk: Walk = { tree, exclude, seen: 0 };
  const below = await entriesBelow(walk, rooted.path, "");
  return { name, kind: "directory", entries: rooted.path === "" ? below : [top, ...below] };
}

interface Walk {
  readonly tree: SourceTree;
  readonly exclude: IgnoreRules;
  seen: number;
}

/** So many entries are looked at before others get their turn. */
const entriesPerTurn = 500;

/** What is below `folder`, sorted; folders that are excluded but hold something included come along. */
async function entriesBelow(walk: Walk, folder: string, to: string): Promise<SourceEntry[]> {
  const { tree, exclude } = walk;
  const found: SourceEntry[] = [];
  for (const name of readdirSync(join(tree.root, folder)).toSorted()) {
    if (++walk.seen % entriesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    const path = folder === "" ? name : `${folder}/${name}`;
    const target = to === "" ? name : `${to}/${name}`;
    const absolute = join(tree.root, path);
    const stat = lstatSync(absolute, { bigint: true });
    if (stat.isSocket()) continue;
    const hidden = tree.ignore.excludes(path) || exclude.excludes(path);
    const entry = { to: target, absolute, stat };
    if (!stat.isDirectory()) {
      if (!hidden) found.push(entry);
      continue;
    }
    if (hidden && !tree.ignore.mayIncludeBelow(path) && !exclude.mayIncludeBelow(path)) continue;
    const inside = await entriesBelow(walk, path, target);
    if (hidden && inside.length === 0) continue;
    found.push(entry);
    for (const one of inside) found.push(one);
  }
  return found;
}

/** Paths that match, sorted. `**` is a pattern of its own with `--parents` alone. */
function expandGlob(tree: SourceTree, pattern: string, doubleStar: boolean): string[] {
  let paths = [""];
  for (const part of pattern.split("/")) {
    paths = paths.flatMap((path) => {
      if (part === "**" && doubleStar) return [path, ...foldersBelow(tree, path)];
      if (!hasGlob(part)) return [path === "" ? part : `${path}/${part}`];
      return namesIn(tree, path)
        .filter((name) => globMatches(part, name))
        .map((name) => (path === "" ? name : `${path}/${name}`));
    });
  }
  return [...new Set(paths)].filter((path) => visible(tree, path)).toSorted();
}

function visible(tree: SourceTree, path: string): boolean {
  if (path !== "" && tree.ignore.excludes(path) && !tree.ignore.mayIncludeBelow(path)) return false;
  try {
    return resolveInRoot(tree.root, path).exists;
  } catch (error) {
    if (error instanceof RootedPathError) return false;
    throw error;
  }
}

function namesIn(tree: SourceTree, path: string): string[] {
  if (!visible(tree, path)) return [];
  const { absolute } = resolveInRoot(tree.root, path);
  return lstatSync(absolute).isDirectory() ? readdirSync(absolute) : [];
}

function foldersBelow(tree: SourceTree, path: string): string[] {
  return namesIn(tree, path).flatMap((name) => {
    const inside = path === "" ? name : `${path}/${name}`;
    const { absolute } = resolveInRoot(tree.root, inside, false);
    if (!lstatSync(absolute, { throwIfNoEntry: false })?.isDirectory()) return [];
    return [inside, ...foldersBelow(tree, inside)];
  });
}

/** Whether all is still as it was when it was selected. */
export function isUnchanged(sources: readonly SelectedSource[]): boolean {
  return sources.every((source) =>
    source.entries.every(({ absolute, stat }) => {
      const now = lstatSync(absolute, { bigint: true, throwIfNoEntry: false });
      return now?.ino === stat.ino && now.ctimeNs === stat.ctimeNs;
    }),
  );
}

/** What a symlink holds; empty for anything else. */
export function linkTarget(entry: SourceEntry): string {
  return entry.stat.isSymbolicLink() ? readlinkSync(entry.absolute) : "";
}
