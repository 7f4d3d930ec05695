import type { Image } from "../../../images/index.ts";

/** What a frontend has made: an image, or the answer to a question about the Dockerfile. */
export interface BuiltResult {
  readonly id: string;
  readonly image?: Image;

  readonly metadata: Readonly<Record<string, Uint8Array>>;
}
