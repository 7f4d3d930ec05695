import { formatReference, parseReference, repositoryOf, type Reference } from "../../images/index.ts";
import type { SignedIdentity } from "./policy.ts";

/** Whether the name in a signature is one that the rule wants for `name`; otherwise why not (containers-policy.json(5), "signedBy"). */
export function identityFault(
  wanted: SignedIdentity,
  name: Reference | undefined,
  signed: string | undefined,
): string | undefined {
  if (wanted.type === "matchDigest") return undefined;
  if (signed === undefined) return "it names no repository, so that it could be another one's";
  const theirs = tryParse(signed);
  if (!theirs) return `it names '${signed}', which is no image`;
  if (wanted.type === "exactReference") return same(signed, theirs, tryParse(wanted.dockerReference));
  if (wanted.type === "exactRepository") {
    const repository = tryParse(wanted.dockerRepository);
    return repository && repositoryOf(theirs) === repositoryOf(repository) ? undefined : other(signed);
  }
  if (!name) return "the image has no name that it could be compared with";
  if (wanted.type === "matchRepository") {
    return repositoryOf(theirs) === repositoryOf(name) ? undefined : other(signed);
  }
  if (wanted.type === "matchExact") return same(signed, theirs, name);
  return exactOrDigest(signed, theirs, wanted.type === "remapIdentity" ? remapped(name, wanted) : name);
}

/** A tag has to be the signed one; with a digest, which is compared apart, the repository is enough. */
function exactOrDigest(signed: string, theirs: Reference, name: Reference | undefined): string | undefined {
  if (name?.tag !== undefined) return same(signed, theirs, name);
  if (name?.digest === undefined) return other(signed);
  return repositoryOf(theirs) === repositoryOf(name) ? undefined : other(signed);
}

function same(signed: string, theirs: Reference, name: Reference | undefined): string | undefined {
  if (!name || (name.tag === undefined && name.digest === undefined)) return other(signed);
  if (formatReference(theirs) === formatReference(name)) return undefined;
  const untagged = theirs.tag === undefined && theirs.digest === undefined;
  return repositoryOf(theirs) === repositoryOf(name) && untagged
    ? `it names '${signed}' without a tag; "signedIdentity": {"type": "matchRepository"} would take that`
    : other(signed);
}

function other(signed: string): string {
  return `it is for the name '${signed}'`;
}

function remapped(
  name: Reference,
  { prefix, signedPrefix }: { readonly prefix: string; readonly signedPrefix: string },
): Reference | undefined {
  const repository = repositoryOf(name);
  if (repository !== prefix && !repository.startsWith(`${prefix}/`)) return name;
  const tag = name.tag === undefined ? "" : `:${name.tag}`;
  const digest = name.digest === undefined ? "" : `@${name.digest}`;
  return tryParse(`${signedPrefix}${repository.slice(prefix.length)}${tag}${digest}`);
}

function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
