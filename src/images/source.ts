import type { Report } from "../base/index.ts";
import type { Digest, Platform } from "../content/index.ts";
import type { CredentialsOf } from "../distribution/index.ts";
import type { Image } from "./image.ts";
import type { RootfsImport } from "./import.ts";
import type { Reference } from "./reference.ts";

/** Where an image that is not here may come from: a registry, a distribution's mirror. */
export interface ImageSource {
  /** As a person reads it: `distribution mirrors`. */
  readonly name: string;
  /** Whether it is worth asking; decides from the name alone. */
  canProvide(reference: Reference, platform: Platform): boolean;
  /**
   * Stores the image and names it `reference`, which has a tag or a digest. Throws `unavailable` / `registry.unreachable` or
   * `registry.timeout` when it is out of reach; then the next source is asked.
   */
  fetch(reference: Reference, options: FetchOptions): Promise<FetchedImage>;
}

export interface FetchedImage {
  readonly image: Image;
  /** What the reference names at the source: a manifest, or an index that has it. */
  readonly digest: Digest;
}

export interface FetchOptions {
  readonly platform: Platform;
  /** The caller has named the platform: another one will not do. */
  readonly demanded: boolean;
  readonly credentials?: CredentialsOf | undefined;
  /** Why the sources before could not be asked. */
  readonly instead?: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly importRootfs: (
    source: AsyncIterable<Uint8Array>,
    options: Omit<RootfsImport, "origin">,
  ) => Promise<Image>;
}
