import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import { checkPattern, checkTagPattern, fits } from "./patterns.ts";

/** Tags that stay what they are: they can't be moved or deleted, and the rules of retention leave them alone. */
export interface Protection {
  readonly repositories: string;
  readonly tags: string;
}

export interface Protections {
  list(): readonly Protection[];
  /** Throws `invalid` for patterns that are none. */
  add(protection: Protection): void;
  /** False when there was none. */
  remove(protection: Protection): boolean;
  covers(repository: string, tag: string): boolean;
  /** Throws `permission` / `registry.tag-protected`. */
  check(repository: string, tags: readonly string[]): void;
}

export function createProtections({ db }: State): Protections {
  const all = db.query<Protection, []>("SELECT * FROM registry_protections ORDER BY repositories, tags");
  const covers: Protections["covers"] = (repository, tag) =>
    all.all().some((one) => fits(one.repositories, repository) && fits(one.tags, tag));
  return {
    list: () => all.all(),
    add({ repositories, tags }) {
      const values = [checkPattern(repositories), checkTagPattern(tags)];
      db.run("INSERT OR IGNORE INTO registry_protections VALUES (?, ?)", values);
    },
    remove: ({ repositories, tags }) =>
      db.run("DELETE FROM registry_protections WHERE repositories = ? AND tags = ?", [repositories, tags])
        .changes > 0,
    covers,
    check(repository, tags) {
      const tag = tags.find((one) => covers(repository, one));
      if (tag === undefined) return;
      throw refuse(
        "permission",
        "registry.tag-protected",
        `the tag '${tag}' of '${repository}' is protected`,
        {
          detail: { name: repository, tag },
          hint: "use another tag; who runs the registry may lift it: virga registry unprotect",
        },
      );
    },
  };
}
