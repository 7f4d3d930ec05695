import { readFileSync } from "node:fs";
import { errnoOf, isVirgaError, messageOf } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import type { Reference } from "../../images/index.ts";
import { readPublicKey, type PublicKey } from "../keys/index.ts";
import { judge, type Signature, type Unreadable } from "../signature.ts";
import { identityFault } from "./identity.ts";
import type { KeySource, Requirement, Rule } from "./policy.ts";

/** What is known of an image that is to be judged. */
export interface Evidence {
  readonly name: Reference | undefined;
  /** Its manifest's, and those of indexes that it is of. */
  readonly digests: readonly Digest[];
  readonly signatures: readonly (Signature | Unreadable)[];
}

type Signed = Extract<Requirement, { type: "sigstoreSigned" }>;

/** Whether the rule looks at signatures at all; `refused` says why nothing could meet it. */
export function outlook(rule: Rule): { readonly refused?: string; readonly signatures: boolean } {
  for (const one of rule.requirements) {
    if (one.type === "reject") return { refused: "it refuses what it matches", signatures: false };
    if (one.type === "unsupported")
      return { refused: `it wants ${one.what}, which is not supported`, signatures: false };
  }
  return { signatures: rule.requirements.some((one) => one.type === "sigstoreSigned") };
}

/** Why the image does not meet the rule; undefined when it does. Every requirement has to be met. */
export function faultOf(rule: Rule, evidence: Evidence): string | undefined {
  const { refused } = outlook(rule);
  if (refused !== undefined) return refused;
  for (const one of rule.requirements) {
    const fault = one.type === "sigstoreSigned" ? unsigned(one, evidence) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** One good signature is enough; otherwise each says why it is none. */
function unsigned({ keys, identity }: Signed, { name, digests, signatures }: Evidence): string | undefined {
  const read = keys.map(readKey);
  const broken = read.find((one) => "problem" in one);
  if (broken && "problem" in broken) return broken.problem;
  if (signatures.length === 0) return "it has no signature";
  const reasons: string[] = [];
  for (const one of signatures) {
    if ("problem" in one) {
      reasons.push(one.problem);
      continue;
    }
    const verdict = judge(one, read as PublicKey[], digests);
    const reason = verdict.good ? identityFault(identity, name, one.claim.identity) : verdict.reason;
    if (reason === undefined) return undefined;
    reasons.push(reason);
  }
  const all = [...new Set(reasons)].slice(0, 5);
  return signatures.length === 1
    ? `its signature is not good: ${all[0]}`
    : `none of its ${signatures.length} signatures is good: ${all.join("; ")}`;
}

/** A key, read anew each time: keys are changed like policies. */
export function readKey(source: KeySource): PublicKey | { readonly problem: string } {
  const what = "path" in source ? `the key ${source.path}` : "a key in the policy";
  try {
    return readPublicKey("path" in source ? readFileSync(source.path) : source.pem);
  } catch (error) {
    if (!isVirgaError(error) && errnoOf(error) === undefined) throw error;
    const why = errnoOf(error) === "ENOENT" ? "it is not there" : messageOf(error);
    return { problem: `${what} can't be used: ${why}` };
  }
}
