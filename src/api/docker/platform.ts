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

const systems = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux macos nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const architectures = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le " +
    "ppc riscv riscv64 s390 s390x sparc sparc64 wasm x86_64 x86-64 aarch64 armhf armel i386"
  ).split(" "),
);

/** Throws `invalid` for what containerd does not read as a platform: one part alone is a system or an architecture. */
export function checkPlatform(platform: string): void {
  const parts = platform.toLowerCase().split("/");
  const wrong = (why: string) =>
    fail("invalid", "api.platform", `${JSON.stringify(platform)}: ${why}: invalid argument`);
  if (parts.length > 3 || !parts.every((one) => /^[\w.():-]+$/.test(one)))
    throw wrong("cannot parse platform specifier");
  const [first = ""] = parts;
  if (parts.length === 1 && !systems.has(first) && !architectures.has(first)) {
    throw wrong("unknown operating system or architecture");
  }
}

/** Throws `unimplemented` for a platform that this machine cannot run, `invalid` for what is none. */
export function requirePlatform(platform: string | undefined): void {
  if (platform === undefined) return;
  checkPlatform(platform);
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
