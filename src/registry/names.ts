import { parseDigest, type Digest } from "../content/index.ts";
import { refuse } from "./errors.ts";

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryName = new RegExp(`^${component}(?:/${component})*$`);
const tagName = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Docker refuses more than 255 characters, host and all; a name of so many can't be pulled by anyone. */
const longestName = 255;

/** A repository's name (spec.md, "Pulling manifests"). Throws `invalid` / `registry.name-invalid`. */
export function checkName(name: string): string {
  if (name.length <= longestName && repositoryName.test(name)) return name;
  throw refuse("invalid", "registry.name-invalid", `invalid repository name: '${name.slice(0, 300)}'`, {
    detail: { name: name.slice(0, 300) },
    hint: "lower-case letters and digits, parted by '.', '_', '-' and '/', such as team/app",
  });
}

export function isTag(text: string): boolean {
  return tagName.test(text);
}

/** Throws `invalid` / `registry.digest-invalid`. */
export function checkDigest(text: string): Digest {
  try {
    parseDigest(text);
    return text as Digest;
  } catch {
    const detail = { digest: text.slice(0, 300) };
    throw refuse("invalid", "registry.digest-invalid", `invalid digest: '${detail.digest}'`, {
      detail,
      hint: "sha256: and 64, or sha512: and 128 hexadecimal digits",
    });
  }
}

/** What a manifest is asked for by: a digest, or a tag. */
export type Reference = { readonly digest: Digest } | { readonly tag: string };

/** Throws `invalid` / `registry.digest-invalid` or `registry.tag-invalid`. */
export function checkReference(text: string): Reference {
  if (text.includes(":")) return { digest: checkDigest(text) };
  if (isTag(text)) return { tag: text };
  throw refuse("invalid", "registry.tag-invalid", `invalid tag: '${text.slice(0, 300)}'`, {
    detail: { tag: text.slice(0, 300) },
    hint: "at most 128 letters, digits, '_', '.' and '-', the first one no '.' or '-'",
  });
}
