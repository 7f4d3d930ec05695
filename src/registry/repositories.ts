import type { Clock } from "../base/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import type { Page } from "./registry.ts";

/** The table of repositories. Everything is synchronous. */
export interface Repositories {
  /** Undefined for one that holds nothing. */
  idOf(name: string): number | undefined;
  /** Throws `not-found` / `registry.name-unknown`. */
  need(name: string): number;
  /** Makes it when it is not there. */
  ensure(name: string): number;
  /** Somebody is pushing to it. */
  touch(id: number): void;
  list(page: Page): string[];
}

/** So exactly is known when a repository was last pushed to. */
const touchEveryMs = 60_000;

export function createRepositories({ db }: State, clock: Clock): Repositories {
  const byName = db.query<{ id: number }, [string]>("SELECT id FROM registry_repositories WHERE name = ?");
  const insert = db.query<{ id: number }, [string, number, number]>(
    "INSERT INTO registry_repositories (name, created_at, active_at) VALUES (?, ?, ?) RETURNING id",
  );
  const touch = db.query<unknown, [number, number, number]>(
    "UPDATE registry_repositories SET active_at = ? WHERE id = ? AND active_at < ?",
  );
  const after = db.query<{ name: string }, [string, number]>(
    "SELECT name FROM registry_repositories WHERE name > ? ORDER BY name LIMIT ?",
  );
  const idOf = (name: string) => byName.get(name)?.id;
  const now = () => clock.now().getTime();

  return {
    idOf,
    need(name) {
      const id = idOf(name);
      if (id !== undefined) return id;
      throw refuse("not-found", "registry.name-unknown", `there is no repository '${name}'`, {
        detail: { name },
      });
    },
    ensure: (name) => idOf(name) ?? insert.get(name, now(), now())!.id,
    touch: (id) => void touch.run(now(), id, now() - touchEveryMs),
    list: ({ n = -1, last = "" }) => after.all(last, n).map((row) => row.name),
  };
}
