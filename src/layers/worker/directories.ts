import { fail } from "../../base/index.ts";
import { fileTypes, type FileCalls } from "../../host/index.ts";
import { toUtf8, type ByteString } from "../tar/entry.ts";
import { escape, nameOf, parentOf } from "../tar/path.ts";

const maxLinks = 40;

/** How `walk` treats what it meets. */
interface Walk {
  /** Directories that are missing are made; otherwise `not-found`. */
  readonly make: boolean;
  /** The way may not leave `base`. */
  readonly confined: boolean;
  readonly links: number;
}

/**
 * Finds directories inside the worker's root without ever passing through a symlink: each result is a path of real
 * directories, remembered so that one archive asks the kernel once for each of its directories.
 *
 * A symlink that the archive itself made may be passed when it stays inside `base`, and is refused with `invalid` /
 * `layer.escape` when it is absolute or climbs out. Symlinks that were there before lead where they lead in a
 * process whose `/` is the worker's root.
 */
export class Directories {
  /** The directory that the archive is unpacked to, `""` for the root. */
  readonly base: ByteString;
  readonly #calls: FileCalls;
  readonly #made: (path: ByteString) => void;
  readonly #known = new Map<ByteString, ByteString>();
  readonly #archiveLinks = new Set<ByteString>();

  /** `made` is called for each directory that no entry asked for, but that another entry needs. */
  constructor(
    calls: FileCalls,
    base: { readonly path: ByteString; readonly make: boolean },
    made: (path: ByteString) => void,
  ) {
    this.#calls = calls;
    this.#made = made;
    this.base = "";
    this.base = this.#walk("", base.path, { make: base.make, confined: false, links: 0 });
  }

  /** The real path of an archive's directory; it and its parents are made when missing. */
  resolve(directory: ByteString): ByteString {
    if (directory === "") return this.base;
    const known = this.#known.get(directory);
    if (known !== undefined) return known;
    const parent = this.resolve(parentOf(directory));
    const found = this.#enter(parent, nameOf(directory), { make: true, confined: false, links: 0 });
    this.#known.set(directory, found);
    return found;
  }

  noteLink(path: ByteString): void {
    this.#archiveLinks.add(path);
  }

  /** Call when a directory or a symlink was taken away. */
  forget(): void {
    this.#known.clear();
  }

  #walk(from: ByteString, path: ByteString, walk: Walk): ByteString {
    let at = from;
    for (const part of path.split("/")) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        if (walk.confined && at === this.base)
          throw escape("a symlink of the archive climbs out of its root", path);
        at = parentOf(at);
      } else at = this.#enter(at, part, walk);
    }
    return at;
  }

  #enter(parent: ByteString, name: ByteString, walk: Walk): ByteString {
    const path = `${parent}/${name}`;
    const status = this.#calls.status(path);
    if (!status) return this.#make(path, walk);
    const type = status.mode & fileTypes.mask;
    if (type === fileTypes.directory) return path;
    if (type === fileTypes.symlink) return this.#follow(parent, path, walk);
    throw fail("invalid", "archive.not-a-directory", `'${toUtf8(path)}' is not a directory`);
  }

  #make(path: ByteString, walk: Walk): ByteString {
    if (!walk.make) throw fail("not-found", "archive.not-found", `no such directory: '${toUtf8(path)}'`);
    this.#calls.makeDirectory(path, 0o755);
    this.#made(path);
    return path;
  }

  #follow(parent: ByteString, path: ByteString, walk: Walk): ByteString {
    if (walk.links >= maxLinks) {
      throw fail("invalid", "archive.too-many-links", `too many symlinks on the way to '${toUtf8(path)}'`);
    }
    const target = this.#calls.readLink(path);
    const confined = walk.confined || this.#archiveLinks.has(path);
    const absolute = target.startsWith("/");
    if (confined && absolute) throw escape("an entry goes through a symlink to an absolute path", path);
    return this.#walk(absolute ? "" : parent, target, { make: walk.make, confined, links: walk.links + 1 });
  }
}
