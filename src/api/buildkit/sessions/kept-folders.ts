import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { newId, type Clock } from "../../../base/index.ts";
import { removeTree } from "../../../host/index.ts";

/** A folder that a build has for itself until it lets go of it. */
export interface LentFolder extends AsyncDisposable {
  readonly path: string;
}

export interface KeptFolder {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly bytes: () => Promise<number>;
}

/**
 * What clients have sent, kept by the client's own key of it, so that the next build from the same folder is sent the
 * changes only; what was not used for a week goes:
 *
 * ```text
 * DIRECTORY/KEY/files/      as it was sent last
 * DIRECTORY/once-ID/files/  of a second build of the same key at the same time; gone with it
 * ```
 *
 * Builds read these folders in place. A folder is let to one build at a time.
 */
export interface KeptFolders {
  lend(key: string): Promise<LentFolder>;
  /** The ones that no build has now, the longest unused first. */
  list(): KeptFolder[];
  remove(id: string): Promise<void>;
  /** Takes away what a killed daemon's builds left, and what was not used for a week. */
  sweep(): Promise<void>;
}

const keptMs = 7 * 24 * 3600 * 1000;

export function createKeptFolders(directory: string, clock: Clock): KeptFolders {
  const lent = new Set<string>();
  const remove = (id: string) => removeTree(join(directory, id), { within: directory });
  const names = () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return readdirSync(directory).filter((one) => !lent.has(one));
  };
  const isOld = (id: string) => statSync(join(directory, id)).mtimeMs < clock.now().getTime() - keptMs;
  /** While it goes, it counts as lent: a build that wants it gets another. */
  const removeIdle = async (ids: readonly string[]) => {
    for (const id of ids) {
      if (lent.has(id)) continue;
      lent.add(id);
      await remove(id).finally(() => lent.delete(id));
    }
  };
  return {
    async lend(key) {
      const kept = createHash("sha256").update(key).digest("hex").slice(0, 25);
      const id = lent.has(kept) || key === "" ? `once-${newId().slice(0, 20)}` : kept;
      lent.add(id);
      const path = join(directory, id, "files");
      mkdirSync(path, { recursive: true, mode: 0o755 });
      return {
        path,
        async [Symbol.asyncDispose]() {
          if (id !== kept) await remove(id);
          else utimesSync(join(directory, id), clock.now(), clock.now());
          lent.delete(id);
          await removeIdle(names().filter(isOld));
        },
      };
    },
    list: () =>
      names()
        .map((id) => {
          const { mtime, birthtime } = statSync(join(directory, id));
          return { id, createdAt: birthtime, lastUsedAt: mtime, bytes: () => sizeOf(join(directory, id)) };
        })
        .toSorted((a, b) => a.lastUsedAt.getTime() - b.lastUsedAt.getTime()),
    remove: (id) => removeIdle(names().filter((one) => one === id)),
    sweep: () => removeIdle(names().filter((id) => id.startsWith("once-") || isOld(id))),
  };
}

/** Bytes on disk of the files below. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const path of new Bun.Glob("**/*").scan({
    cwd: folder,
    dot: true,
    onlyFiles: true,
    absolute: true,
  })) {
    bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
