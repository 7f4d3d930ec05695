import { fail, toVirgaError, type Logger } from "../../base/index.ts";
import type { Descriptor } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import {
  familiar,
  formatReference,
  parseReference,
  repositoryOf,
  subjectsOf,
  type Admission,
  type Evidence as KeptEvidence,
  type Image,
  type Origin,
  type Reference,
} from "../../images/index.ts";
import { findHere, foundAmong, type HereDependencies } from "../find-here.ts";
import { findInRegistry } from "../find-remote.ts";
import { signatureKind } from "../kind.ts";
import type { Signature, Unreadable } from "../signature.ts";
import { faultOf, outlook } from "./evaluate.ts";
import { ruleForName, ruleForTransport, type Policy, type Rule } from "./policy.ts";
import type { PolicySource } from "./policy-source.ts";

export interface AdmissionDependencies {
  readonly source: PolicySource;
  readonly logger: Logger;
  readonly here: HereDependencies;
}

/** What an image is judged by: a rule, and the name that the rule is for. */
export interface Trial {
  readonly rule: Rule;
  readonly name: Reference | undefined;
}

/** The policy's say in what comes here and runs. */
export function createAdmission({ source, logger, here }: AdmissionDependencies): Admission {
  const refuse = (what: string, { rule }: Trial, fault: string, hint: string): Error => {
    logger.warn("the policy refuses an image", { image: what, rule: rule.shown, fault });
    const message = `the policy refuses ${what}: ${fault} (rule ${rule.shown} of ${source.path})`;
    return fail("permission", "policy.refused", message, { hint });
  };
  return {
    pulling(reference) {
      const policy = inForce(source);
      if (!policy) return { signatures: false };
      const rule = ruleForName(policy, reference);
      const { refused, signatures } = outlook(rule);
      if (refused === undefined) return { signatures };
      throw refuse(shown(reference), { rule, name: reference }, refused, hints.rule(reference));
    },
    async pulled(reference, chain, remote, signal) {
      const policy = inForce(source);
      if (!policy) return [];
      const name = judgedName(reference);
      const rule = ruleForName(policy, reference);
      const { fault, kept } = await judgeRemote(rule, name, chain, remote, signal);
      if (fault === undefined) return kept;
      throw refuse(shown(reference), { rule, name }, fault, hints.registry(reference));
    },
    loading(archived) {
      const policy = inForce(source);
      for (const { trial, fault } of policy ? faultsOfArchive(policy, here, archived) : []) {
        const what = trial.name ? shown(trial.name) : "an image of the archive";
        throw refuse(what, trial, fault, hints.archive);
      }
    },
    using(image, origins, text) {
      const policy = inForce(source);
      if (!policy) return;
      const trials = trialsOfUse(policy, image, origins, text);
      const evidence = { digests: subjectsOf(image), signatures: signaturesHere(here, image) };
      const faults = trials.flatMap((trial) => faultIn(trial, evidence));
      if (faults.length < trials.length) return;
      const { trial, fault } = faults[0]!;
      const what = text === undefined ? image.id : familiar(text);
      throw refuse(what, trial, fault, hints.here(text ?? image.id));
    },
  };
}

interface Fault {
  readonly trial: Trial;
  readonly fault: string;
}

function faultIn(trial: Trial, evidence: Omit<Parameters<typeof faultOf>[1], "name">): Fault[] {
  const fault = faultOf(trial.rule, { ...evidence, name: trial.name });
  return fault === undefined ? [] : [{ trial, fault }];
}

/** All names that the archive gives an image have to be admitted. */
function faultsOfArchive(
  policy: Policy,
  here: HereDependencies,
  { origin, references, manifest, referrers }: Parameters<Admission["loading"]>[0],
): Fault[] {
  const theirs = referrers.filter((one) => one.subject === manifest);
  const known = manifest ? findHere(here, manifest, signatureKind) : [];
  const signatures = [...foundAmong(here.content, theirs, signatureKind), ...known];
  const digests = manifest ? [manifest] : [];
  const trials = trialsOfArchive(policy, origin, references);
  return trials.flatMap((trial) => faultIn(trial, { digests, signatures }));
}

/** A policy that can't be read refuses everything. */
function inForce(source: PolicySource): Policy | undefined {
  try {
    return source.current();
  } catch (error) {
    const { message, hint } = toVirgaError(error);
    throw fail(
      "permission",
      "policy.broken",
      `no image is admitted, since the policy is broken: ${message}`,
      {
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      },
    );
  }
}

/** Looks for signatures only where the rule wants some, at the top of the chain first, and no longer than needed. */
export async function judgeRemote(
  rule: Rule,
  name: Reference,
  chain: readonly Descriptor[],
  remote: RemoteRepository,
  signal: AbortSignal,
): Promise<{ readonly fault: string | undefined; readonly kept: readonly KeptEvidence[] }> {
  const digests = chain.map((one) => one.digest);
  const signatures: (Signature | Unreadable)[] = [];
  const kept: KeptEvidence[] = [];
  let fault = faultOf(rule, { name, digests, signatures });
  if (!outlook(rule).signatures) return { fault, kept };
  for (const subject of chain) {
    for (const one of await findInRegistry(remote, subject.digest, signatureKind, signal)) {
      signatures.push(one);
      if (!("problem" in one)) kept.push({ subject, artifact: one.artifact });
    }
    fault = faultOf(rule, { name, digests, signatures });
    if (fault === undefined) break;
  }
  return { fault, kept };
}

/**
 * A rule for the very name (or a part of it) holds however the image came here. Without one it is judged by where it is from:
 * the names that registries have for it, the archive; and what was made here is admitted, as all that went into it was,
 * unless there is a rule for `containers-storage`. One that admits it is enough.
 */
export function trialsOfUse(
  policy: Policy,
  image: Pick<Image, "digests">,
  origins: readonly Origin[],
  text: string | undefined,
): Trial[] {
  const name = text === undefined ? undefined : judgedName(parseReference(text));
  const own = name && { rule: ruleForName(policy, name), name };
  const theirs = image.digests.map((one) => parseReference(one));
  if (own && (own.rule.specific || theirs.some((one) => repositoryOf(one) === repositoryOf(own.name)))) {
    return [own];
  }
  const trials: Trial[] = theirs.map((one) => ({ rule: ruleForName(policy, one), name: one }));
  for (const origin of origins) {
    if (origin === "made") trials.unshift({ rule: ruleForMade(policy), name });
    else if (origin !== "fetched") trials.push({ rule: ruleForTransport(policy, origin), name });
  }
  return trials.length > 0 ? trials : [own ?? { rule: ruleForTransport(policy, "docker"), name }];
}

function trialsOfArchive(policy: Policy, origin: Origin, references: readonly string[]): Trial[] {
  const trials = references.map((text): Trial => {
    const name = parseReference(text);
    const rule = ruleForName(policy, name);
    return rule.specific ? { rule, name } : { rule: ruleForTransport(policy, origin), name };
  });
  return trials.length > 0 ? trials : [{ rule: ruleForTransport(policy, origin), name: undefined }];
}

const storage = "containers-storage";

function ruleForMade(policy: Policy): Rule {
  if (policy.transports.get(storage)?.has("")) return ruleForTransport(policy, storage);
  return { shown: "made here", specific: false, requirements: [{ type: "insecureAcceptAnything" }] };
}

/** With a digest the tag says nothing. */
export function judgedName({ domain, path, tag, digest }: Reference): Reference {
  if (digest !== undefined) return { domain, path, digest };
  return { domain, path, tag: tag ?? "latest" };
}

export function signaturesHere(here: HereDependencies, image: Pick<Image, "manifest" | "digests">) {
  return subjectsOf(image).flatMap((digest) => findHere(here, digest, signatureKind));
}

function shown(reference: Reference): string {
  return familiar(formatReference(reference));
}

const hints = {
  rule: (reference: Reference) => `virga policy test ${shown(reference)} says which rule applies, and why`,
  registry: (reference: Reference) =>
    `sign it in its registry: virga image sign --registry --key KEY ${shown(reference)}; ` +
    `virga policy test ${shown(reference)} says which rule applies`,
  archive: "let the policy accept the name, or the transports docker-archive and oci-archive",
  here: (name: string) =>
    `virga pull gets an image again with its signatures; virga image sign --key KEY signs one that is here; ` +
    `virga policy test ${familiarOrId(name)} says which rule applies`,
};

function familiarOrId(name: string): string {
  return name.startsWith("sha256:") ? name : familiar(name);
}
