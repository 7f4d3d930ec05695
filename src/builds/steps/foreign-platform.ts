import type { Platform } from "../../content/index.ts";
import { hostPlatform } from "../../images/index.ts";
import { formatPlatform } from "../evaluation/platform.ts";

/** What helps when a step's program is one of another platform, by what was written at last. */
export function foreignHint(
  platform: Platform,
  output: readonly string[],
  host: Platform = hostPlatform(),
): string | undefined {
  if (platform.architecture === host.architecture && platform.os === host.os) return undefined;
  if (!output.some((line) => /exec format error/i.test(line))) return undefined;
  return (
    `programs of ${formatPlatform(platform)} don't run on this machine, which is ${formatPlatform(host)}: ` +
    "apt-get install qemu-user-static binfmt-support makes it run them, slowly; or build in a stage of " +
    "FROM --platform=$BUILDPLATFORM and copy from it"
  );
}
