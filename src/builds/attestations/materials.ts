import type { Digest } from "../../content/index.ts";
import type { Image } from "../../images/index.ts";
import { formatPlatform } from "../evaluation/platform.ts";

/** What a build took from outside of its context. */
export type Material =
  | {
      readonly kind: "image";
      /** As the Dockerfile names it. */
      readonly reference: string;
      readonly platform: string;
      /** Of its configuration, which stays the same however its layers are packed. */
      readonly image: Digest;
      /** Of its manifest, as its registry has it when it came from one. */
      readonly digest: Digest;
    }
  | { readonly kind: "download"; readonly url: string; readonly checksum: Digest }
  | { readonly kind: "git"; readonly url: string; readonly commit: string };

/** Collects materials, each once, while stages run side by side. */
export interface Materials {
  add(material: Material): void;
  /** In an order that does not depend on which stage was first. */
  list(): Material[];
}

export function createMaterials(): Materials {
  const found = new Map<string, Material>();
  return {
    add: (material) => void found.set(keyOf(material), material),
    list: () => [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
  };
}

export function imageMaterial(reference: string, image: Image): Material {
  const { architecture, os, variant } = image.config;
  const platform = formatPlatform({ architecture, os, ...(variant === undefined ? {} : { variant }) });
  const named = image.digests.find((one) => one.includes("@"));
  const digest = (named?.slice(named.indexOf("@") + 1) ?? image.manifest.digest) as Digest;
  return { kind: "image", reference, platform, image: image.id, digest };
}

function keyOf(material: Material): string {
  if (material.kind === "image") return `image ${material.reference} ${material.platform}`;
  return `${material.kind} ${material.url}`;
}
