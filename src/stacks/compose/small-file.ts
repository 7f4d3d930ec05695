import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errnoOf } from "../../base/index.ts";

export type SmallFile =
  | { readonly kind: "read"; readonly bytes: Uint8Array; readonly text: string }
  | { readonly kind: "missing" }
  /** There, and not to be used: the reason reads after the path. */
  | { readonly kind: "unusable"; readonly reason: string };

/** Reads a regular file of at most `limit` bytes; never waits for a pipe or a device. */
export async function readSmallFile(path: string, limit = 1 << 20): Promise<SmallFile> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) return { kind: "unusable", reason: "is not a regular file" };
    if (stat.size > limit) return { kind: "unusable", reason: `is larger than ${limit} bytes` };
    const bytes = new Uint8Array(await file.readFile());
    return { kind: "read", bytes, text: new TextDecoder().decode(bytes) };
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "missing" };
    return { kind: "unusable", reason: `cannot be read (${code ?? String(error)})` };
  }
}
