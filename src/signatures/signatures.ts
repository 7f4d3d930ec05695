import { fail } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";
import type { Registries, RemoteRepository } from "../distribution/index.ts";
import {
  formatReference,
  manifestTree,
  parseReference,
  publishArtifact,
  subjectsOf,
  type Artifact,
  type Image,
  type Images,
  type Reference,
} from "../images/index.ts";
import { findHere, type HereDependencies } from "./find-here.ts";
import { findInRegistry, type Found } from "./find-remote.ts";
import type { Kind } from "./kind.ts";
import { judgedName } from "./policy/admission.ts";
import { createPolicies, type Policies } from "./policy/policies.ts";
import type { Asked } from "./asked.ts";
import type { Signature } from "./signature.ts";
import type { PolicySource } from "./policy/policy-source.ts";

/** A manifest or index that can be signed. */
export interface Target extends Descriptor {
  /** What a signature names it: `registry.example/team/app:1`. */
  readonly identity: string | undefined;
}

export interface FoundSignatures<T extends Signature = Signature> {
  readonly name: Reference | undefined;
  /** Every digest that a signature may be for, with what was found there. */
  readonly subjects: readonly { readonly digest: Digest; readonly found: readonly Found<T>[] }[];
}

export interface Signatures {
  /** What is to be signed. An image that is here gets the manifest that it will have in registries. */
  targets(asked: Asked): Promise<Target[]>;
  /** Ties documents (signatures, attestations) to targets of the image. */
  attach(
    asked: Asked,
    artifacts: readonly { readonly digest: Digest; readonly artifact: Artifact }[],
  ): Promise<void>;
  find<T extends Signature>(asked: Asked, kind: Kind<T>): Promise<FoundSignatures<T>>;
  readonly policies: Policies;
}

export interface SignaturesDependencies {
  readonly images: Images;
  readonly registries: Registries;
  readonly source: PolicySource;
  readonly here: HereDependencies;
}

export function createSignatures(dependencies: SignaturesDependencies): Signatures {
  const { images, registries, here } = dependencies;
  const open = async ({ image, credentials, signal }: Asked, push: boolean) => {
    const reference = judgedName(parseReference(image));
    const access = { credentials: await credentials?.(reference.domain), signal, push };
    return { reference, remote: await registries.open(reference, access) };
  };
  return {
    policies: createPolicies(dependencies),
    async targets(asked) {
      if (asked.where === "here") {
        await images.referrers.settle(asked.image, asked.signal);
        const image = images.resolve(asked.image);
        return [{ ...image.manifest, identity: nameOf(image, asked.image) }];
      }
      const { reference, remote } = await open(asked, false);
      return await remoteTargets(remote, reference, asked);
    },
    async attach(asked, artifacts) {
      if (asked.where === "here") {
        const known = subjectsOf(images.resolve(asked.image));
        for (const { digest, artifact } of artifacts) {
          if (!known.includes(digest)) throw noTarget(asked.image, digest);
          await images.referrers.attach(digest, artifact);
        }
        return;
      }
      const { remote } = await open(asked, true);
      for (const { digest, artifact } of artifacts) {
        const { descriptor } = await remote.manifest(digest, asked.signal);
        await publishArtifact(remote, descriptor, artifact, asked.signal);
      }
    },
    async find(asked, kind) {
      if (asked.where === "here") {
        const image = images.resolve(asked.image);
        const subjects = subjectsOf(image).map((digest) => ({ digest, found: findHere(here, digest, kind) }));
        const text = nameOf(image, asked.image);
        return { name: text === undefined ? undefined : parseReference(text), subjects };
      }
      const { reference, remote } = await open(asked, false);
      const { digest } = (await remote.manifest(reference.digest ?? reference.tag!, asked.signal)).descriptor;
      const found = await findInRegistry(remote, digest, kind, asked.signal);
      return { name: reference, subjects: [{ digest, found }] };
    },
  };
}

async function remoteTargets(
  remote: RemoteRepository,
  reference: Reference,
  { recursive, signal }: Asked,
): Promise<Target[]> {
  const all = await manifestTree(remote, reference.digest ?? reference.tag!, recursive === true, signal);
  const identity = formatReference(reference.digest === undefined ? reference : withoutDigest(reference));
  return all.map((one) => ({ ...one, identity }));
}

function withoutDigest({ domain, path }: Reference): Reference {
  return { domain, path };
}

/** The name that the user has given, or the only one that there is. */
function nameOf({ references }: Image, given: string): string | undefined {
  const reference = tryParse(given);
  if (reference?.digest !== undefined) return formatReference(withoutDigest(reference));
  const name = reference && formatReference(judgedName(reference));
  if (name !== undefined && references.includes(name)) return name;
  return references.length === 1 ? references[0] : undefined;
}

function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

function noTarget(image: string, digest: Digest): Error {
  return fail("conflict", "signature.stale", `${image} is not ${digest} any more`, {
    hint: "somebody has changed what the name stands for; look at it, and sign again",
  });
}
