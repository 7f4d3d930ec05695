import { fail } from "../../base/index.ts";
import type { Descriptor, Platform } from "../../content/index.ts";

/** What a platform without a variant means (containerd's platform rules). */
const impliedVariant: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7", amd64: "v1" };

/** `linux/arm/v7`. */
export function platformText({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === undefined || variant === "" ? "" : `/${variant}`}`;
}

/**
 * How well `offered` runs where `wanted` is asked for: undefined not at all, else the smaller the better. A processor also
 * runs what is made for an earlier variant of it, and 64-bit ones 32-bit programs only where that is asked for.
 */
export function fitness(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined;
  const [most, needs] = [level(wanted), level(offered)];
  if (most === undefined || needs === undefined) return most === needs ? 0 : undefined;
  return needs > most ? undefined : most - needs;
}

/** The number in a variant; undefined for one that has none. */
function level({ architecture, variant }: Platform): number | undefined {
  const text = variant || impliedVariant[architecture];
  const digits = /^v(\d+)$/.exec(text ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Provenance and the like, which BuildKit puts beside images. */
export function isAttestation({ platform, annotations }: Descriptor): boolean {
  const unknown = platform?.os === "unknown" && platform.architecture === "unknown";
  return unknown || annotations?.["vnd.docker.reference.type"] !== undefined;
}

/**
 * The entry of an index for a platform; of several the one for the latest variant. A lone entry that does not say what it
 * is for is taken. Throws `not-found` / `image.no-platform`.
 */
export function choosePlatform(entries: readonly Descriptor[], wanted: Platform, what: string): Descriptor {
  const images = entries.filter((one) => !isAttestation(one));
  const fitting = images.flatMap((entry) => {
    const fit = entry.platform && fitness(wanted, entry.platform);
    return fit === undefined ? [] : [{ entry, fit }];
  });
  const [best] = fitting.toSorted((a, b) => a.fit - b.fit);
  if (best) return best.entry;
  const [only, more] = images;
  if (only && !more && only.platform === undefined) return only;
  const offered = images.map((one) => (one.platform ? platformText(one.platform) : "unknown"));
  throw fail(
    "not-found",
    "image.no-platform",
    `no matching manifest for ${platformText(wanted)} in the manifest list entries of ${what}`,
    { hint: offered.length > 0 ? `it has ${[...new Set(offered)].join(", ")}` : "it has no image at all" },
  );
}
