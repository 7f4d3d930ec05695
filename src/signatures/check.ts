import type { Digest } from "../content/index.ts";
import { keyOf } from "./formats.ts";
import { readPublicKey } from "./keys/index.ts";
import { identityFault } from "./policy/identity.ts";
import { judge, type Attestation, type Signature } from "./signature.ts";
import type { FoundSignatures } from "./signatures.ts";

/** A signature with what there is to say of it. */
export interface CheckedSignature {
  /** What it was found at. */
  readonly digest: Digest;
  readonly format: Signature["format"] | "unreadable";
  readonly identity?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Given only where keys were. */
  readonly good?: boolean;
  /** The key that has made it. */
  readonly key?: string;
  /** Why it is not good. */
  readonly reason?: string;
}

export interface Wanted {
  readonly keys: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  /** The name that the signature has to have; that of the image's own repository without it. */
  readonly identity?: string;
}

/** Checks what was found; without keys it only tells. Throws `invalid` / `key.malformed`. */
export function checkSignatures({ name, subjects }: FoundSignatures, wanted?: Wanted): CheckedSignature[] {
  const keys = (wanted?.keys ?? []).map((pem) => readPublicKey(pem));
  const digests = subjects.map((one) => one.digest);
  const seen = new Set<string>();
  return subjects.flatMap(({ digest, found }) =>
    found.flatMap((one): CheckedSignature[] => {
      if ("problem" in one) {
        const bad = wanted ? { good: false } : {};
        return [{ digest, format: "unreadable", annotations: {}, reason: one.problem, ...bad }];
      }
      if (seen.has(keyOf(one))) return [];
      seen.add(keyOf(one));
      const { identity, annotations } = one.claim;
      const told = {
        digest,
        format: one.format,
        annotations,
        ...(identity === undefined ? {} : { identity }),
      };
      if (!wanted) return [told];
      const verdict = judge(one, keys, digests);
      if (!verdict.good) return [{ ...told, good: false, reason: verdict.reason }];
      const reason = nameFault(one, name, wanted) ?? annotationFault(one, wanted);
      const { fingerprint } = verdict.key;
      return [
        {
          ...told,
          good: reason === undefined,
          key: fingerprint,
          ...(reason === undefined ? {} : { reason }),
        },
      ];
    }),
  );
}

/** An attestation with what there is to say of it. */
export interface CheckedAttestation {
  /** What it was found at. */
  readonly digest: Digest;
  readonly format: Attestation["format"] | "unreadable";
  /** Of one that can be read. */
  readonly predicateType?: string;
  readonly predicate?: unknown;
  /** Given only where keys were. */
  readonly good?: boolean;
  readonly key?: string;
  readonly reason?: string;
}

/** Checks attestations, those of `predicateType` where one is given; without keys it only tells. Throws as `checkSignatures`. */
export function checkAttestations(
  { subjects }: FoundSignatures<Attestation>,
  wanted: { readonly keys?: readonly string[]; readonly predicateType?: string },
): CheckedAttestation[] {
  const keys = wanted.keys?.map((pem) => readPublicKey(pem));
  const digests = subjects.map((one) => one.digest);
  const seen = new Set<string>();
  return subjects.flatMap(({ digest, found }) =>
    found.flatMap((one): CheckedAttestation[] => {
      if ("problem" in one) {
        return [{ digest, format: "unreadable", reason: one.problem, ...(keys ? { good: false } : {}) }];
      }
      const { format, predicateType, predicate } = one;
      if (wanted.predicateType !== undefined && wanted.predicateType !== predicateType) return [];
      if (seen.has(keyOf(one))) return [];
      seen.add(keyOf(one));
      const told = { digest, format, predicateType, predicate };
      if (!keys) return [told];
      const verdict = judge(one, keys, digests);
      const { good } = verdict;
      return [
        { ...told, good, ...(verdict.good ? { key: verdict.key.fingerprint } : { reason: verdict.reason }) },
      ];
    }),
  );
}

/** A bundle names nothing; for anything else the repository counts, so that nobody can pass on another image's signature. */
function nameFault(
  { claim }: Signature,
  name: FoundSignatures["name"],
  { identity }: Wanted,
): string | undefined {
  if (identity !== undefined) {
    const exact = /:[^/]+$|@/.test(identity)
      ? ({ type: "exactReference", dockerReference: identity } as const)
      : ({ type: "exactRepository", dockerRepository: identity } as const);
    return identityFault(exact, name, claim.identity);
  }
  if (claim.identity === undefined || name === undefined) return undefined;
  return identityFault({ type: "matchRepository" }, name, claim.identity);
}

function annotationFault({ claim }: Signature, { annotations }: Wanted): string | undefined {
  const missing = Object.entries(annotations).find(([key, value]) => claim.annotations[key] !== value);
  return missing && `it lacks the annotation ${missing[0]}=${missing[1]}`;
}
