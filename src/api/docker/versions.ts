import { fail } from "../../base/index.ts";

/** A version 1.N of the Docker Engine API, by its N. */
export type ApiVersion = number;

/** The newest version whose shapes this daemon writes, and the oldest that it still answers. */
export const newestVersion: ApiVersion = 51;
export const oldestVersion: ApiVersion = 24;

export function versionText(version: ApiVersion): string {
  return `1.${version}`;
}

/** Splits `/v1.44/images/json` into version and path; a path without a version is asked in the newest one. */
export function splitVersion(pathname: string): {
  readonly version: string | undefined;
  readonly path: string;
} {
  const match = /^\/v(\d+(?:\.\d+)*)(\/.*)$/.exec(pathname);
  const path = (match?.[2] ?? pathname).replaceAll(/\/{2,}/g, "/");
  return { version: match?.[1], path: path.length > 1 ? path.replace(/\/$/, "") : path };
}

/** The version to speak. Throws `invalid` with Docker's texts for one that is too new or too old. */
export function negotiate(text: string | undefined): ApiVersion {
  if (text === undefined) return newestVersion;
  const [major = 0, minor = 0] = text.split(".").map(Number);
  if (major > 1 || (major === 1 && minor > newestVersion)) {
    throw fail(
      "invalid",
      "api.version-too-new",
      `client version ${text} is too new. Maximum supported API version is ${versionText(newestVersion)}`,
    );
  }
  if (major < 1 || minor < oldestVersion) {
    throw fail(
      "invalid",
      "api.version-too-old",
      `client version ${text} is too old. Minimum supported API version is ${versionText(oldestVersion)}, please upgrade your client to a newer version`,
    );
  }
  return minor;
}

/** True for clients of versions that are too old to know errors in JSON. */
export function speaksText(version: string | undefined): boolean {
  if (version === undefined) return false;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 1 || (major === 1 && minor < oldestVersion);
}
