import { readFileSync } from "node:fs";
import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";
import { resolveInRoot } from "../context/root-path.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Whether `text` needs /etc/passwd or /etc/group to be understood. */
export function isNumericOwner(text: string): boolean {
  return /^\d{1,10}(:\d{1,10})?$/.test(text);
}

/**
 * `user`, `user:group`, by name or number, looked up in the root filesystem (reference, "COPY --chown"). A number
 * alone is the group as well. Throws `dockerfile.chown`.
 */
export function parseOwner(place: SourcePlace, text: string, root: string): Owner {
  const [user, group, ...more] = text.split(":");
  if (user === undefined || user === "" || group === "" || more.length > 0) {
    const hint = "write it like 1000:1000 or user:group";
    throw dockerfileError("dockerfile.chown", place, `'${text}' is not an owner`, hint);
  }
  const found = /^\d+$/.test(user)
    ? { uid: number(place, user), gid: number(place, user) }
    : lookUpUser(place, root, user);
  if (group === undefined) return found;
  if (/^\d+$/.test(group)) return { uid: found.uid, gid: number(place, group) };
  const row = rowsOf(root, "/etc/group").find(([name]) => name === group);
  if (row) return { uid: found.uid, gid: number(place, row[2]!) };
  throw dockerfileError("dockerfile.chown", place, `there is no group '${group}' in the image's /etc/group`);
}

function lookUpUser(place: SourcePlace, root: string, name: string): Owner {
  const row = rowsOf(root, "/etc/passwd").find(([user]) => user === name);
  if (row) return { uid: number(place, row[2]!), gid: number(place, row[3]!) };
  const hint = "make it with RUN useradd before, or use its number";
  throw dockerfileError(
    "dockerfile.chown",
    place,
    `there is no user '${name}' in the image's /etc/passwd`,
    hint,
  );
}

function number(place: SourcePlace, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 2 ** 32 - 1) return value;
  throw dockerfileError("dockerfile.chown", place, `'${text}' is not a user or group number`);
}

function rowsOf(root: string, path: string): string[][] {
  const rooted = resolveInRoot(root, path);
  if (!rooted.exists) return [];
  return readFileSync(rooted.absolute, "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .filter((row) => row.length >= 3);
}
