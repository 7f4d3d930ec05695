import { fail } from "../../base/index.ts";
import type { Platform } from "../../content/index.ts";

const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  ia32: "386",
};

/** The machine's own platform in OCI's words (Go's GOOS and GOARCH). */
export function hostPlatform(): Platform {
  const architecture = architectures[process.arch] ?? process.arch;
  return architecture === "arm"
    ? { os: "linux", architecture, variant: "v7" }
    : { os: "linux", architecture };
}

/** `linux/arm64/v8`, `linux/amd64`, `arm64`. Throws `invalid` / `build.platform`. */
export function parsePlatform(text: string): Platform {
  const host = hostPlatform();
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw fail("invalid", "build.platform", `invalid platform: '${text}'`, {
      hint: "write it like linux/amd64",
    });
  }
  if (parts.length === 1) {
    const [only] = parts as [string];
    return only === "linux" ? host : normalised("linux", only, undefined);
  }
  return normalised(parts[0]!, parts[1]!, parts[2]);
}

function normalised(os: string, architecture: string, variant: string | undefined): Platform {
  const aliases: Readonly<Record<string, string>> = {
    x86_64: "amd64",
    "x86-64": "amd64",
    aarch64: "arm64",
    i386: "386",
  };
  const known = aliases[architecture] ?? architecture;
  return variant === undefined ? { os, architecture: known } : { os, architecture: known, variant };
}

export function formatPlatform(platform: Platform): string {
  const variant = platform.variant === undefined ? "" : `/${platform.variant}`;
  return `${platform.os}/${platform.architecture}${variant}`;
}

/** The platform ARGs that exist without being passed (reference, "Automatic platform ARGs in the global scope"). */
export function platformArgs(target: Platform, stageTarget: string): Readonly<Record<string, string>> {
  const host = hostPlatform();
  return {
    BUILDPLATFORM: formatPlatform(host),
    BUILDOS: host.os,
    BUILDOSVERSION: "",
    BUILDARCH: host.architecture,
    BUILDVARIANT: host.variant ?? "",
    TARGETPLATFORM: formatPlatform(target),
    TARGETOS: target.os,
    TARGETOSVERSION: "",
    TARGETARCH: target.architecture,
    TARGETVARIANT: target.variant ?? "",
    TARGETSTAGE: stageTarget,
  };
}
