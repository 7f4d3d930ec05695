import { z } from "zod";
import { fail } from "../../base/index.ts";
import { checked } from "./http/body.ts";

/** Go's name of this machine's processor. */
export const architecture = process.arch === "x64" ? "amd64" : process.arch;

/** OCI's platform. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

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

const platformBody = z.looseObject({
  os: z.string().optional(),
  architecture: z.string().optional(),
  variant: z.string().optional(),
  "os.version": z.string().optional(),
});

/** A platform as newer endpoints take it: the JSON of OCI's platform. Throws `invalid` with Docker's words. */
export function decodePlatform(text: string): Platform {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `failed to parse platform: ${(cause as Error).message}`;
    throw fail("invalid", "api.platform", message, { cause });
  }
  const { os, architecture: arch, variant } = checked(value, platformBody, "failed to parse platform");
  if (os && arch) return { os, architecture: arch, ...(variant ? { variant } : {}) };
  throw fail("invalid", "api.platform", "both OS and Architecture must be provided");
}

/** `linux/arm64/v8`. */
export function platformText({ os, architecture: arch, variant }: Platform): string {
  return [os, arch, ...(variant ? [variant] : [])].join("/");
}

/** True when what was made for `has` is what `wanted` asks for. */
export function suits(has: Platform, wanted: Platform): boolean {
  return (
    has.os === wanted.os &&
    has.architecture === wanted.architecture &&
    (wanted.variant === undefined || has.variant === undefined || has.variant === wanted.variant)
  );
}
