import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, newId } from "../base/index.ts";

/**
 * Secrets and configs as files that containers mount.
 *
 * ```text
 * ROOT/stacks/             0700
 *   PROJECT/
 *     DIGEST               one file: content, mode and owner as the service asked; named by the hash of all of them
 * ```
 *
 * A file never changes: other content is another name, so a container that mounts it differs too and is made anew.
 */
export interface StackFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface StackFiles {
  /** The file that such content will have; writes nothing. */
  plan(project: string, file: Omit<StackFile, "path">): StackFile;
  write(file: StackFile): Promise<void>;
  /** Removes the files of a stack that are not in `used`; the folder too when none is left. */
  prune(project: string, used: ReadonlySet<string>): Promise<void>;
}

export function createStackFiles(directory: string): StackFiles {
  return {
    plan(project, file) {
      const hash = createHash("sha256");
      hash.update(`${file.mode.toString(8)} ${file.uid} ${file.gid}\n`).update(file.content);
      return { ...file, path: join(directory, project, hash.digest("hex").slice(0, 32)) };
    },
    async write(file) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await mkdir(join(file.path, ".."), { recursive: true, mode: 0o700 });
      // Complete under another name first: a crash or a full disk leaves no half-written secret under the real one.
      const draft = `${file.path}.${newId().slice(0, 12)}`;
      await using undo = new AsyncDisposableStack();
      undo.defer(() => rm(draft, { force: true }));
      await writeFile(draft, file.content, { flag: "wx", mode: 0o600, flush: true });
      await chown(draft, file.uid, file.gid);
      await chmod(draft, file.mode);
      await rename(draft, file.path);
    },
    async prune(project, used) {
      const folder = join(directory, project);
      const names = await readdir(folder).catch((error: unknown) => {
        if (errnoOf(error) === "ENOENT") return [];
        throw error;
      });
      const paths = names.map((name) => join(folder, name));
      const gone = paths.filter((path) => !used.has(path));
      await Promise.all(gone.map((path) => rm(path, { force: true })));
      if (gone.length === paths.length && paths.length > 0) await rmdir(folder);
    },
  };
}
