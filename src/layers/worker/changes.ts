import { fileTypes, type FileCalls } from "../../host/index.ts";
import { fromUtf8, toUtf8, type ByteString } from "../tar/entry.ts";
import type { Change } from "../layer.ts";
import { isOpaque, isWhiteout } from "./pack.ts";

/**
 * What an overlay upper directory changes in the layers below it (`lower`, from the top to the bottom). A directory
 * counts as modified when anything in it changed, because overlayfs then has a copy of it.
 */
export function listChanges(calls: FileCalls, upper: string, lower: readonly string[]): Change[] {
  const changes: Change[] = [];
  compare(calls, { upper: fromUtf8(upper), lower: lower.map(fromUtf8), prefix: "", hidden: false }, changes);
  return changes
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map((change) => ({ ...change, path: toUtf8(change.path) }));
}

interface Level {
  readonly upper: ByteString;
  readonly lower: readonly ByteString[];
  readonly prefix: ByteString;
  /** An opaque directory hides all that `lower` has. */
  readonly hidden: boolean;
}

function compare(calls: FileCalls, level: Level, changes: Change[]): void {
  const { upper, lower, prefix } = level;
  const hidden = level.hidden || isOpaque(calls, upper);
  if (hidden) reportHidden(calls, level, changes);
  for (const name of calls.list(upper)) {
    const path = `${prefix}/${name}`;
    const own = `${upper}/${name}`;
    const status = calls.status(own);
    if (!status) continue;
    const below = lookUp(calls, lower, name);
    if (isWhiteout(status)) {
      if (below.exists) changes.push({ path, kind: "deleted" });
      continue;
    }
    changes.push({ path, kind: below.exists ? "modified" : "added" });
    if ((status.mode & fileTypes.mask) !== fileTypes.directory) continue;
    compare(calls, { upper: own, lower: below.directories, prefix: path, hidden }, changes);
  }
}

/** Names of the layers below that an opaque directory does not have itself. */
function reportHidden(calls: FileCalls, { upper, lower, prefix }: Level, changes: Change[]): void {
  const names = new Set(lower.flatMap((directory) => calls.list(directory)));
  for (const name of names) {
    if (calls.status(`${upper}/${name}`) || !lookUp(calls, lower, name).exists) continue;
    changes.push({ path: `${prefix}/${name}`, kind: "deleted" });
  }
}

/** Finds `name` in a stack of directories as overlayfs would. */
function lookUp(
  calls: FileCalls,
  stack: readonly ByteString[],
  name: ByteString,
): { readonly exists: boolean; readonly directories: readonly ByteString[] } {
  const directories: ByteString[] = [];
  for (const directory of stack) {
    const path = `${directory}/${name}`;
    const status = calls.status(path);
    if (!status) continue;
    const isDirectory = (status.mode & fileTypes.mask) === fileTypes.directory;
    if (isDirectory) directories.push(path);
    if (!isDirectory || isOpaque(calls, path)) {
      return { exists: directories.length > 0 || !isWhiteout(status), directories };
    }
  }
  return { exists: directories.length > 0, directories };
}
