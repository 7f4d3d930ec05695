import type { Digest } from "../content/index.ts";

/** A manifest as it is stored: the bytes are in the content store. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

/** Something that happened to a manifest. */
export interface RegistryEvent {
  readonly action: "push" | "delete";
  readonly repository: string;
  readonly manifest: StoredManifest;
  readonly tags: readonly string[];
  readonly actor?: string;
}
