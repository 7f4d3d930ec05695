import type { Descriptor, Digest } from "../../content/index.ts";

/**
 * A document that belongs to an image: a signature, a list of its parts, a provenance. It is an OCI image manifest with a
 * `subject` (image specification 1.1, manifest.md): the digest of the image's manifest, of an index that the image came
 * by, or of another referrer.
 *
 * Its life: `attach`, or a pull, stores it beside its subject → `docker push` sends it after the image → it goes with
 * the last image that has its subject, or by `detach`. A push that has to compress layers gives the image another
 * manifest: referrers of the old one then go out with the new one as their subject. What must keep its subject (a
 * signature) is attached after `settle`.
 */
export interface Referrer extends Descriptor {
  readonly artifactType: string;
  readonly subject: Digest;
  readonly annotations: Readonly<Record<string, string>>;
  readonly layers: readonly Descriptor[];
}

export interface Artifact {
  readonly artifactType: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly layers: readonly ArtifactLayer[];
}

export interface ArtifactLayer {
  readonly mediaType: string;
  readonly bytes: Uint8Array | string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The referrers of the images that are here. */
export interface Referrers {
  /** The referrers of a manifest, the oldest first. */
  of(subject: Digest, artifactType?: string): Referrer[];
  /** Those of an image, by all digests that stand for it; without those of other referrers. */
  ofImage(name: string, artifactType?: string): Referrer[];
  /** All of a layer's bytes, checked. */
  read(layer: Descriptor): Promise<Uint8Array>;
  /**
   * Stores a document and ties it to `subject`; the same document again changes nothing. Throws `not-found` /
   * `image.no-subject` when nothing here has this digest.
   */
  attach(subject: Digest, artifact: Artifact): Promise<Referrer>;
  /** Stores a manifest as it is, with blobs that are all small, as `attach`. Throws `invalid` / `image.malformed`. */
  adopt(manifest: Uint8Array, blobs: readonly Uint8Array[]): Promise<Referrer>;
  /** Throws `not-found` / `image.no-referrer`. */
  detach(digest: Digest): Promise<void>;
  /**
   * Gives the image the manifest that it will have in every registry: layers made here are compressed now instead of at
   * the push. Its id stays. Returns the manifest's digest.
   */
  settle(name: string, signal?: AbortSignal): Promise<Digest>;
}
