import type { Platform } from "../../content/index.ts";
import { hostPlatform, parsePlatform } from "../../images/index.ts";

/** The platform that `text` (`linux/arm64/v8`, `arm64`) names; without it the machine's own. Throws `invalid`. */
export function platformOf(text: string | undefined): Platform {
  return text === undefined || text === "" ? hostPlatform() : parsePlatform(text);
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
