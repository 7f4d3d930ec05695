import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { errnoOf, fail } from "../../base/index.ts";
import { insideRoot } from "../files/inside.ts";
import type { ResolvedUser } from "./input.ts";

const maxId = 2 ** 31 - 1;
const maxFileBytes = 4 * 1024 * 1024;

interface Passwd {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}
interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Looks `user` (`name`, `uid`, `name:group`, `uid:gid`, "" is root) and `groups` up in the root filesystem's
 * /etc/passwd and /etc/group, without leaving it through symlinks. Throws `invalid` / `user.not-found` with Docker's
 * text: `unable to find user x: no matching entries in passwd file`.
 */
export function resolveUser(rootfs: string, user: string, groups: readonly string[]): ResolvedUser {
  const [passwdText, groupText] = insideRoot(rootfs, () => [readFlat("/etc/passwd"), readFlat("/etc/group")]);
  return lookUpUser(user, groups, parsePasswd(passwdText), parseGroups(groupText));
}

/** The pure part: what `user` and `groups` mean by these two files. */
export function lookUpUser(
  user: string,
  groups: readonly string[],
  passwd: readonly Passwd[],
  groupFile: readonly Group[],
): ResolvedUser {
  const [userPart = "", groupPart = ""] = user.split(":");
  const entry = passwd.find((one) =>
    userPart === "" ? one.uid === 0 : one.name === userPart || String(one.uid) === userPart,
  );
  const uid = entry?.uid ?? (userPart === "" ? 0 : numericId(userPart));
  if (uid === undefined) {
    throw notFound(`unable to find user ${userPart}: no matching entries in passwd file`);
  }
  const gid = groupPart === "" ? (entry?.gid ?? 0) : groupId(groupPart, groupFile);
  const memberOf =
    groupPart === "" && entry !== undefined
      ? groupFile.filter((one) => one.members.includes(entry.name)).map((one) => one.gid)
      : [];
  const added = groups.map((one) => groupId(one, groupFile));
  return {
    uid,
    gid,
    additionalGids: [...new Set([gid, ...memberOf, ...added])],
    home: entry?.home || "/",
  };
}

function groupId(name: string, groupFile: readonly Group[]): number {
  const found =
    groupFile.find((one) => one.name === name || String(one.gid) === name)?.gid ?? numericId(name);
  if (found === undefined) throw notFound(`unable to find group ${name}: no matching entries in group file`);
  return found;
}

function numericId(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id <= maxId) return id;
  throw fail("invalid", "user.id-out-of-range", `uids and gids must be in range 0-${maxId}`);
}

function notFound(message: string): Error {
  return fail("invalid", "user.not-found", message, {
    hint: "name a user that the image has, or a number",
  });
}

/** passwd(5); broken lines are passed over, as glibc does. */
export function parsePasswd(text: string): Passwd[] {
  return records(text).flatMap(([name, , uid, gid, , home]) =>
    name && isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home: home ?? "" }] : [],
  );
}

/** group(5). */
export function parseGroups(text: string): Group[] {
  return records(text).flatMap(([name, , gid, members]) =>
    name && isId(gid)
      ? [{ name, gid: Number(gid), members: (members ?? "").split(",").filter(Boolean) }]
      : [],
  );
}

function records(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => line.trim().split(":"));
}

function isId(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32;
}

/** A regular file's text, "" when there is none. Never waits, as opening a fifo would. */
function readFlat(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EACCES"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) return "";
    if (status.size > maxFileBytes) {
      throw fail("invalid", "user.file-too-large", `${path} of the image is too large: ${status.size} bytes`);
    }
    const bytes = Buffer.alloc(status.size);
    let length = 0;
    for (let more = 1; more > 0 && length < bytes.length; length += more) {
      more = readSync(fd, bytes, length, bytes.length - length, length);
    }
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}
