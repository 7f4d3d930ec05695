import type { Descriptor, Digest } from "../content/index.ts";
import type { RemoteRepository } from "../distribution/index.ts";
import type { Image, Origin } from "./image.ts";
import type { Artifact, Referrer } from "./referrers/referrer.ts";
import type { Reference } from "./reference.ts";

/** A document that is to be kept beside an image. */
export interface Evidence {
  readonly subject: Descriptor;
  readonly artifact: Artifact;
}

/**
 * Says which images may come here and be used; given by the composition root. Every method throws `permission` /
 * `policy.refused` for one that may not, and `invalid` / `policy.malformed` when nobody can tell.
 */
export interface Admission {
  /** Before anything is asked for: whether signatures are wanted of what the name stands for. */
  pulling(reference: Reference): { readonly signatures: boolean };
  /**
   * What a registry has for the name, known by its documents: `chain` leads from what the name stands for (an index, or the
   * manifest itself) to the manifest. Returns what is to be kept to judge its uses.
   */
  pulled(
    reference: Reference,
    chain: readonly Descriptor[],
    remote: RemoteRepository,
    signal: AbortSignal,
  ): Promise<readonly Evidence[]>;
  /** An image of an archive, before its layers are unpacked. Its names are normalised. */
  loading(archived: {
    readonly origin: Origin;
    readonly references: readonly string[];
    readonly manifest: Digest | undefined;
    /** What the archive has for it; the blobs are stored. */
    readonly referrers: readonly Referrer[];
  }): void;
  /** An image that is here, by the name (normalised) that the user has given, or by none (an id). */
  using(image: Image, origins: readonly Origin[], name: string | undefined): void;
}

/** Where nobody has a say. */
export const admitAll: Admission = {
  pulling: () => ({ signatures: false }),
  pulled: () => Promise.resolve([]),
  loading: () => undefined,
  using: () => undefined,
};
