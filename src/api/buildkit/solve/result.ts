import type { Image } from "../../../images/index.ts";

/** What a frontend has made: an image, one for each of several platforms, or the answer to a question about the Dockerfile. */
export interface BuiltResult {
  readonly id: string;
  readonly image?: Image;
  /** By platform. */
  readonly parts?: ReadonlyMap<string, BuiltResult>;
  readonly metadata: Readonly<Record<string, Uint8Array>>;
}
