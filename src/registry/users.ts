import { KeyedLock, type Clock } from "../base/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import { checkPattern, fits } from "./patterns.ts";

export const actions = ["pull", "push", "delete"] as const;
export type Action = (typeof actions)[number];

/** Whoever sends no password. */
export const anonymous = "anonymous";

/** What a user may do with the repositories that fit a pattern. */
export interface Grant {
  readonly user: string;
  readonly repositories: string;
  readonly actions: readonly Action[];
}

export interface Users {
  list(): readonly { readonly name: string; readonly grants: readonly Grant[] }[];
  /** A new user, or a new password for one. Throws `invalid` / `registry.user-invalid`. */
  set(name: string, password: string): Promise<void>;
  /** With all that was granted. False when there was none. */
  remove(name: string): boolean;
  /** Grants instead of what was granted for the pattern; no actions take it back. Throws `not-found`. */
  grant(grant: Grant): void;
  may(user: string, action: Action, repository: string): boolean;
  /** Whether the password is the user's. */
  verify(name: string, password: string): Promise<boolean>;
  /** True while nobody has been given a password or a right. */
  isEmpty(): boolean;
}

export function createUsers({ db }: State, clock: Clock): Users {
  const grantsOf = db.query<{ repositories: string; actions: string }, [string]>(
    "SELECT repositories, actions FROM registry_grants WHERE user = ? ORDER BY repositories",
  );
  const passwordOf = db.query<{ password: string }, [string]>(
    "SELECT password FROM registry_users WHERE name = ?",
  );
  const names = db.query<{ name: string }, []>("SELECT name FROM registry_users ORDER BY name");
  const empty = db.query<{ empty: number }, []>(
    `SELECT NOT EXISTS (SELECT 1 FROM registry_users) AND NOT EXISTS (SELECT 1 FROM registry_grants) AS empty`,
  );
  const grants = (user: string): Grant[] =>
    grantsOf.all(user).map((row) => ({
      user,
      repositories: row.repositories,
      actions: row.actions.split(",") as Action[],
    }));
  const verify = createVerifier((name) => passwordOf.get(name)?.password);

  return {
    list: () =>
      [...names.all().map((one) => one.name), anonymous].map((name) => ({ name, grants: grants(name) })),
    async set(name, password) {
      if (!/^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/.test(name) || name === anonymous) throw badName(name);
      if (password.length < 8) throw shortPassword();
      const hash = await Bun.password.hash(password);
      db.run(
        `INSERT INTO registry_users VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET password = excluded.password`,
        [name, hash, clock.now().getTime()],
      );
    },
    remove(name) {
      db.run("DELETE FROM registry_grants WHERE user = ?", [name]);
      return db.run("DELETE FROM registry_users WHERE name = ?", [name]).changes > 0;
    },
    grant({ user, repositories, actions: given }) {
      checkPattern(repositories);
      if (user !== anonymous && !passwordOf.get(user)) throw noSuchUser(user);
      if (given.length === 0) {
        db.run("DELETE FROM registry_grants WHERE user = ? AND repositories = ?", [user, repositories]);
      } else {
        db.run("INSERT OR REPLACE INTO registry_grants VALUES (?, ?, ?)", [user, repositories, given.join()]);
      }
    },
    may: (user, action, repository) =>
      [...grants(user), ...(user === anonymous ? [] : grants(anonymous))].some(
        (one) => one.actions.includes(action) && fits(one.repositories, repository),
      ),
    verify,
    isEmpty: () => empty.get()!.empty === 1,
  };
}

/**
 * A check costs tens of milliseconds and much memory on purpose, so they are made one at a time, and a password that was
 * right is known again by a fast digest until the stored hash changes.
 */
function createVerifier(hashOf: (name: string) => string | undefined): Users["verify"] {
  const turns = new KeyedLock();
  const known = new Map<string, string>();
  const salt = crypto.randomUUID();
  return async (name, password) => {
    const hash = hashOf(name);
    const digest = new Bun.CryptoHasher("sha256", salt).update(`${hash}\0${password}`).digest("hex");
    if (hash !== undefined && known.get(name) === digest) return true;
    return await turns.run("", async () => {
      // An unknown name takes as long as a wrong password.
      const right = await Bun.password.verify(password, hash ?? decoy);
      if (!right || hash === undefined) return false;
      known.set(name, digest);
      return true;
    });
  };
}

const decoy =
  "$argon2id$v=19$m=65536,t=2,p=1$WFhYWFhYWFhYWFhYWFhYWA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

function badName(name: string): Error {
  return refuse("invalid", "registry.user-invalid", `'${name}' is no name for a user`, {
    hint: `letters, digits, '.', '_', '@' and '-', 64 at most; '${anonymous}' stands for everybody`,
  });
}

function shortPassword(): Error {
  return refuse("invalid", "registry.user-invalid", "the password has less than 8 characters");
}

function noSuchUser(name: string): Error {
  return refuse("not-found", "registry.user-unknown", `there is no user '${name}'`, {
    hint: `virga registry info lists them; virga registry user add ${name} makes one`,
  });
}
