import type { CredentialsOf } from "../distribution/index.ts";

/** An image that is spoken of, here or in its registry. */
export interface Asked {
  readonly image: string;
  readonly where: "here" | "registry";
  /** In a registry: also the images for each platform of an index. */
  readonly recursive?: boolean;
  readonly credentials?: CredentialsOf;
  readonly signal: AbortSignal;
}
