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

/** `check` throws for what may not be taken. */
export function createMaterials(check: (material: Material) => void): Materials {
  const found = new Map<string, Material>();
  return {
    add(material) {
      check(material);
      found.set(keyOf(material), material);
    },
    list: () => [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
  };
}

export function imageMaterial(reference: string, image: Image): Material {
  const platform = platformText(image);
  const named = image.digests.find((one) => one.includes("@"));
  const digest = (named?.slice(named.indexOf("@") + 1) ?? image.manifest.digest) as Digest;
  return { kind: "image", reference, platform, image: image.id, digest };
}

export function platformText({ config: { architecture, os, variant } }: Image): string {
  return formatPlatform({ architecture, os, ...(variant === undefined ? {} : { variant }) });
}

function keyOf(material: Material): string {
  if (material.kind === "image") return `image ${material.reference} ${material.platform}`;
  return `${material.kind} ${material.url}`;
}
