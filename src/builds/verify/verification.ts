import type { Digest } from "../../content/index.ts";
import type { TreeDifference } from "./compare-trees.ts";

/** What an image and its build from the same source have in common. */
export type Verification =
  | { readonly identical: true; readonly imageId: Digest }
  | {
      readonly identical: false;
      readonly imageId: Digest;
      readonly builtId: Digest;
      readonly difference: Difference;
    };

/** The first difference. */
export type Difference =
  | {
      readonly kind: "file";
      /** Counted from 1 at the bottom. */
      readonly layer: number;
      readonly layers: number;
      /** What made it. */
      readonly step: string;
      readonly file: TreeDifference;
    }
  | { readonly kind: "layers"; readonly was: number; readonly is: number }
  | { readonly kind: "configuration"; readonly field: string; readonly was: string; readonly is: string };
