import type { Report } from "../base/index.ts";
import type { Platform } from "../content/index.ts";
import type { Image } from "./image.ts";
import type { RootfsImport } from "./import.ts";
import type { Reference } from "./reference.ts";

/** Where an image that is not here may come from: a distribution's mirror, later a registry. */
export interface ImageSource {
  /** As a person reads it: `distribution mirrors`. */
  readonly name: string;
  /** Whether it is worth asking; decides from the name alone. */
  canProvide(reference: Reference, platform: Platform): boolean;
  /** Stores the image and names it `reference` (which has a tag). Leaves nothing when it fails or is cancelled. */
  fetch(reference: Reference, options: FetchOptions): Promise<Image>;
}

export interface FetchOptions {
  readonly platform: Platform;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly importRootfs: (source: AsyncIterable<Uint8Array>, options: RootfsImport) => Promise<Image>;
}
