import { fail, type VirgaError } from "../base/index.ts";
import type { Digest } from "../content/index.ts";

/**
 * Names of images, by the grammar of the distribution project (github.com/distribution/reference) and with Docker's
 * error texts.
 *
 * ```text
 * reference      := name [ ":" tag ] [ "@" digest ]
 * name           := [ domain "/" ] path-component { "/" path-component }      (path: 255 characters at most)
 * domain         := host [ ":" port ]                                        (host: name, IPv4 or [IPv6])
 * path-component := [a-z0-9]+ { separator [a-z0-9]+ }     separator := "." | "_" | "__" | "-"+
 * tag            := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
 * ```
 *
 * A person writes the familiar form (`debian`); stored and compared is the normalised one
 * (`docker.io/library/debian:latest`).
 */
export interface Reference {
  /** `docker.io`, `registry.example:5000`. */
  readonly domain: string;
  /** `library/debian`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultDomain = "docker.io";
const legacyDomain = "index.docker.io";
const officialPrefix = "library/";

const alphanumeric = "[a-z0-9]+";
const component = `${alphanumeric}(?:(?:[._]|__|-+)${alphanumeric})*`;
const hostPart = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domain = `(?:${hostPart}(?:\\.${hostPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const digestText = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const whole = new RegExp(
  `^(${domain})/(${component}(?:/${component})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(${digestText}))?$`,
);
const identifier = /^[a-f0-9]{64}$/;

/**
 * Reads a familiar or normalised reference; adds no tag. Throws `invalid` / `image.reference-invalid` with the text
 * that Docker gives.
 */
export function parseReference(text: string): Reference {
  if (text === "") throw malformed("repository name must have at least one component");
  // Longer than any valid reference; keeps the regular expressions away from endless input.
  if (text.length > 1024) throw malformed();
  if (identifier.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [host, remainder] = splitDomain(text);
  const remote = remainder.split(":", 1)[0]!;
  if (remote.toLowerCase() !== remote) throw malformed(`repository name (${remote}) must be lowercase`);
  const match = whole.exec(`${host}/${remainder}`);
  if (!match) throw malformed();
  const [, , path, tag, digest] = match;
  if (path!.length > 255) throw malformed("repository name must not be more than 255 characters");
  return {
    domain: host,
    path: path!,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
  };
}

/** Reads `algorithm:hex`. Throws `invalid` / `image.reference-invalid`, with the texts of Go's digest package. */
export function parseDigest(text: string): Digest {
  const [algorithm, hex = ""] = text.split(":");
  const lengths: Record<string, number> = { sha256: 64, sha512: 128 };
  const length = Object.hasOwn(lengths, algorithm!) ? lengths[algorithm!] : undefined;
  if (length === undefined) throw invalid("unsupported digest algorithm");
  if (hex.length !== length) throw invalid("invalid checksum digest length");
  if (!/^[a-f0-9]+$/.test(hex)) throw invalid("invalid checksum digest format");
  return text as Digest;
}

export function isDigest(text: string): text is Digest {
  return /^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(text);
}

/** The reference with the tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: "latest" }
    : reference;
}

/** `docker.io/library/debian`. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The normalised text: `docker.io/library/debian:bookworm`. */
export function formatReference(reference: Reference): string {
  return repositoryOf(reference) + suffixOf(reference);
}

/** The normalised text with a tag: `debian` gives `docker.io/library/debian:latest`. Throws as `parseReference`. */
export function normalise(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)));
}

/** What a list shows: `docker.io/library/debian:bookworm` gives `debian:bookworm`. Throws as `parseReference`. */
export function familiar(text: string): string {
  const reference = parseReference(text);
  return familiarRepository(reference) + suffixOf(reference);
}

/** The repository as a list shows it: `debian`, `user/app`, `registry.example/app`. */
export function familiarRepository(reference: Reference): string {
  if (reference.domain !== defaultDomain) return repositoryOf(reference);
  const short = reference.path.startsWith(officialPrefix)
    ? reference.path.slice(officialPrefix.length)
    : reference.path;
  return short.includes("/") ? reference.path : short;
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** The domain and what follows it. A first part without `.`, `:` or capitals is a user of the default domain. */
function splitDomain(text: string): [string, string] {
  const slash = text.indexOf("/");
  if (slash === -1) return [defaultDomain, officialPrefix + text];
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  const isDomain = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  if (isDomain && first !== legacyDomain && first !== defaultDomain) return [first, rest];
  const remote = isDomain ? rest : text;
  return [defaultDomain, remote.includes("/") ? remote : officialPrefix + remote];
}

function malformed(detail?: string): VirgaError {
  return invalid(`invalid reference format${detail === undefined ? "" : `: ${detail}`}`);
}

function invalid(message: string): VirgaError {
  return fail("invalid", "image.reference-invalid", message, {
    hint: "write it like debian:bookworm or registry.example:5000/team/app:1.0",
  });
}
