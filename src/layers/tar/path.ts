import { fail } from "../../base/index.ts";
import { toUtf8, type ByteString } from "./entry.ts";

/** `invalid` / `layer.escape`: an archive that tries to write outside of its root. */
export function escape(what: string, path: ByteString): Error {
  return fail("invalid", "layer.escape", `${what}: '${toUtf8(path)}'`, {
    hint: "the archive is broken or hostile; don't use it",
  });
}

/**
 * The path of an entry without `.` parts, doubled and trailing slashes; empty for the root itself. Throws
 * `invalid` / `layer.escape` for an absolute path and for one with `..` in it, wherever that leads.
 */
export function entryPath(path: ByteString): ByteString {
  if (path.startsWith("/")) throw escape("an entry has an absolute path", path);
  // Most paths are plain already, and this runs for every entry.
  if (!/(^|\/)\.{0,2}(\/|$)/.test(path)) return path;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw escape("an entry has '..' in its path", path);
  return parts.join("/");
}

/** The path without its last part; empty at the top. */
export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** The last part of the path. */
export function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1);
}
