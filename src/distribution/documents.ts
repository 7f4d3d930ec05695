import { fail } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";

/** The kinds of manifests that are understood, and asked for. */
export const manifestTypes = {
  image: [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ],
  index: [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ],
} as const;

const known: readonly string[] = [...manifestTypes.image, ...manifestTypes.index];

/** The specification wants registries to take at least 4 MiB, and no more is needed. */
export const maxManifestBytes = 4 << 20;
const maxDepth = 64;

/** A Content-Type that says nothing about the kind of the document. */
const plain = new Set(["", "application/json", "application/octet-stream", "text/plain", "text/json"]);

/**
 * What kind of manifest `bytes` are, told by the document itself and by the registry, which must agree. Throws `invalid` /
 * `registry.manifest-malformed`, `unimplemented` / `registry.schema1` and `registry.media-type`.
 */
export function mediaTypeOf(bytes: Uint8Array, contentType: string, what: string): string {
  const document = parse(bytes, what);
  const told = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (document["schemaVersion"] === 1 || told.startsWith("application/vnd.docker.distribution.manifest.v1")) {
    throw fail(
      "unimplemented",
      "registry.schema1",
      `${what} is in the old format 'schema 1', which is not supported`,
      {
        hint: "push the image again with a current docker, podman or skopeo, and pull that",
      },
    );
  }
  const own = document["mediaType"];
  if (own !== undefined && typeof own !== "string") throw malformed(what, "its mediaType is no text");
  const type = own ?? (plain.has(told) ? guess(document) : told);
  if (!known.includes(type)) {
    throw fail(
      "unimplemented",
      "registry.media-type",
      `${what} is of the type '${type}', which is no container image`,
    );
  }
  if (own !== undefined && !plain.has(told) && own !== told) {
    throw malformed(what, `it says that it is '${own}', the registry that it is '${told}'`);
  }
  // A document that is both would be read differently by different programs (OCI image 1.1, "manifest.md").
  if ("manifests" in document && ("layers" in document || "config" in document)) {
    throw malformed(what, "it is an index and a manifest at once");
  }
  return type;
}

function guess(document: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(document["manifests"])) return manifestTypes.index[0];
  return Array.isArray(document["layers"]) && "config" in document ? manifestTypes.image[0] : "unknown";
}

function parse(bytes: Uint8Array, what: string): Record<string, unknown> {
  if (depthOf(bytes) > maxDepth) throw malformed(what, `it is nested more than ${maxDepth} deep`);
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    throw malformed(what, "it is not JSON");
  }
  throw malformed(what, "it is not a JSON object");
}

/** How deep the brackets outside of texts go; whether they match is for the parser to say. */
export function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let text = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (text) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) text = false;
    } else if (byte === 0x22) text = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}

/** A descriptor for `bytes`; checks `expected`. Throws `data-loss` / `registry.digest-mismatch`. */
export function describe(
  bytes: Uint8Array,
  mediaType: string,
  expected: readonly (string | null | undefined)[],
  what: string,
): Descriptor {
  let digest: Digest = digestOf("sha256", bytes);
  for (const one of expected) {
    if (one === undefined || one === null || one === "") continue;
    const algorithm = one.split(":", 1)[0]!;
    if (algorithm !== "sha256" && algorithm !== "sha512") continue;
    const got = digestOf(algorithm, bytes);
    if (got !== one) throw mismatch(what, one, got);
    digest = got;
  }
  return { mediaType, digest, size: bytes.length };
}

export function mismatch(what: string, expected: string, got: string): Error {
  return fail("data-loss", "registry.digest-mismatch", `${what} is not what ${expected} names: got ${got}`, {
    hint: "try again; when it happens again, the registry's copy is damaged",
  });
}

function digestOf(algorithm: "sha256" | "sha512", bytes: Uint8Array): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

function malformed(what: string, why: string): Error {
  return fail("invalid", "registry.manifest-malformed", `${what} is malformed: ${why}`);
}
