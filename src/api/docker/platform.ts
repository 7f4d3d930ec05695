import { fail } from "../../base/index.ts";

/** Go's name of this machine's processor. */
export const architecture = process.arch === "x64" ? "amd64" : process.arch;

/** Throws `unimplemented` for a platform that this machine cannot run. */
export function requirePlatform(platform: string | undefined): void {
  if (platform === undefined) return;
  const [os, arch = architecture] = platform.split("/");
  if (os === "linux" && arch === architecture) return;
  if (platform === architecture) return;
  throw fail(
    "unimplemented",
    "api.platform",
    `platform '${platform}' is not supported: this daemon runs linux/${architecture}`,
  );
}
