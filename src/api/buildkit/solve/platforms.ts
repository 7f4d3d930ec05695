import { newId } from "../../../base/index.ts";
import { parsePlatform } from "../../../images/index.ts";
import type { BuiltResult } from "./result.ts";

/** The name that clients know a platform by: `linux/amd64`, `linux/arm/v7`. Throws `invalid`. */
export function platformName(text: string): string {
  const platform = parsePlatform(text);
  const { architecture, variant } = platform;
  if (architecture === "arm" && variant === undefined) return formatPlatform({ ...platform, variant: "v7" });
  const isPlain =
    (architecture === "arm64" && variant === "v8") || (architecture === "amd64" && variant === "v1");
  return isPlain ? formatPlatform({ os: platform.os, architecture }) : formatPlatform(platform);
}

export function formatPlatform({ os, architecture, variant }: ReturnType<typeof parsePlatform>): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** The results of several platforms as one, with what clients look at to tell them apart. */
export function ofPlatforms(parts: ReadonlyMap<string, BuiltResult>): BuiltResult {
  const platforms = [...parts].map(([name, { image }]) => {
    const { os = "", architecture = "", variant } = image?.config ?? {};
    return { ID: name, Platform: { architecture, os, ...(variant === undefined ? {} : { variant }) } };
  });
  const metadata: Record<string, Uint8Array> = {
    "refs.platforms": Buffer.from(JSON.stringify({ Platforms: platforms })),
  };
  for (const [name, { image }] of parts) {
    if (image) metadata[`containerimage.config/${name}`] = Buffer.from(JSON.stringify(image.config));
  }
  return { id: newId(), metadata, parts };
}
