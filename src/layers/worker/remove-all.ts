import { fileTypes, type FileCalls } from "../../host/index.ts";
import type { ByteString } from "../tar/entry.ts";

/** Removes a file, or a directory with all in it; follows no symlink. */
export function removeAll(calls: FileCalls, path: ByteString): void {
  const status = calls.status(path);
  if (!status) return;
  if ((status.mode & fileTypes.mask) !== fileTypes.directory) return calls.unlink(path);
  for (const name of calls.list(path)) removeAll(calls, `${path}/${name}`);
  calls.removeDirectory(path);
}
