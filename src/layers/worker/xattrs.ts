import { errnoOf, fail } from "../../base/index.ts";
import type { FileCalls } from "../../host/index.ts";
import { toUtf8, type ByteString, type TarEntry } from "../tar/entry.ts";

/** What overlayfs keeps about a file for itself. It has no meaning outside of the mount that wrote it. */
export const overlayXattrPrefix = "trusted.overlay.";
export const opaqueXattr = "trusted.overlay.opaque";

/**
 * Sets the extended attributes of an entry. Overlay's own are left out: taken from an archive they could redirect a
 * directory to another one. Throws `precondition` / `layer.xattr` when the filesystem can't hold an attribute.
 */
export function applyXattrs(calls: FileCalls, path: ByteString, entry: TarEntry): void {
  if (!entry.xattrs) return;
  for (const [name, value] of entry.xattrs) {
    if (name.startsWith(overlayXattrPrefix)) continue;
    try {
      calls.setXattr(path, name, value);
    } catch (error) {
      // Linux allows `user.` attributes on files and directories only; an archive of another system may have more.
      const special = entry.type !== "file" && entry.type !== "directory";
      if (special && name.startsWith("user.") && errnoOf(error) === "EPERM") continue;
      if (errnoOf(error) === "ENOSPC") throw error;
      throw fail(
        "precondition",
        "layer.xattr",
        `'${toUtf8(path)}' can't get the attribute '${toUtf8(name)}'`,
        {
          hint: "put the daemon's root on a filesystem with extended attributes, such as ext4, xfs or btrfs",
          cause: error,
        },
      );
    }
  }
}

/** The attributes of a file without those of overlayfs, by name; undefined when there are none. */
export function readXattrs(calls: FileCalls, path: ByteString): ReadonlyMap<string, Uint8Array> | undefined {
  const found = calls.xattrs(path);
  for (const name of found.keys()) if (name.startsWith(overlayXattrPrefix)) found.delete(name);
  if (found.size < 2) return found.size === 0 ? undefined : found;
  // Filesystems list them in orders of their own.
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
