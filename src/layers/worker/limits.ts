import { errnoOf, fail, formatBytes } from "../../base/index.ts";
import type { Limits } from "./protocol.ts";

/** Against archives that are made to fill the disk. */
export const defaultLimits: Limits = { maxBytes: 64 * 2 ** 30, maxEntries: 4_000_000 };

/** `exhausted` / `layer.too-large`. */
export function tooLarge(limits: Limits): Error {
  return fail(
    "exhausted",
    "layer.too-large",
    `the archive holds more than ${formatBytes(limits.maxBytes)} or ${limits.maxEntries} entries`,
    { hint: "look into the archive; if it is meant to be that large, raise the limit" },
  );
}

/** A full disk as `exhausted` / `layer.disk-full`, anything else as it is. */
export function diskFull(error: unknown): unknown {
  const code = errnoOf(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return fail("exhausted", "layer.disk-full", "the disk is full, so the files were not written", {
    hint: "free space, for example with: virga prune",
    cause: error,
  });
}
