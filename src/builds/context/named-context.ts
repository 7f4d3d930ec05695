import { fail } from "../../base/index.ts";
import type { NamedContext } from "../build.ts";

/** A named context as `--build-context NAME=…` has it: `docker-image://IMAGE`, or the absolute path of a folder. */
export function parseNamedContext(text: string): NamedContext {
  const image = /^docker-image:\/\/(.+)$/.exec(text)?.[1];
  if (image !== undefined) return { kind: "image", reference: image };
  if (text.startsWith("/")) return { kind: "directory", path: text };
  throw fail("unimplemented", "build.named-context", `'${text}' can't be a named context`, {
    hint: "name a folder, or an image as docker-image://IMAGE",
  });
}
