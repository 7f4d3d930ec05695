import { dirname } from "node:path";
import { isVirgaError } from "../../base/index.ts";
import type { Registries } from "../../distribution/index.ts";
import { manifestChain, parseReference, subjectsOf, type Images } from "../../images/index.ts";
import type { HereDependencies } from "../find-here.ts";
import type { Asked } from "../asked.ts";
import { judgedName, judgeRemote, signaturesHere, trialsOfUse, type Trial } from "./admission.ts";
import { faultOf, readKey } from "./evaluate.ts";
import { ruleForName, type Policy, type Requirement } from "./policy.ts";
import type { PolicySource } from "./policy-source.ts";
import { readPolicy } from "./read-policy.ts";

/** A rule of a policy as a person reads it. */
export interface ShownRule {
  /** `docker`, or `default` for what no transport has a rule for. */
  readonly transport: string;
  readonly scope: string;
  readonly requirements: readonly string[];
}

export interface PolicyReport {
  readonly path: string;
  /** False: there is no policy, and every image is admitted. */
  readonly exists: boolean;
  readonly rules: readonly ShownRule[];
  /** Keys that can't be read, requirements that are not supported: what these rules match is refused. */
  readonly problems: readonly string[];
}

export interface PolicyTest {
  readonly admitted: boolean;
  /** The rules that were asked; one that admits is enough. None without a policy. */
  readonly trials: readonly { readonly rule: string; readonly fault?: string }[];
}

export interface Policies {
  /** The daemon's policy. Throws `invalid` / `policy.malformed`. */
  report(): PolicyReport;
  /** Looks at a policy that is not in force: `content` of the file `path`. */
  check(path: string, content: string): PolicyReport;
  /** Whether an image that is here may be used, or one of a registry pulled. */
  test(asked: Asked): Promise<PolicyTest>;
}

export interface PoliciesDependencies {
  readonly images: Pick<Images, "resolve" | "originsOf">;
  readonly registries: Registries;
  readonly source: PolicySource;
  readonly here: HereDependencies;
}

export function createPolicies({ images, registries, source, here }: PoliciesDependencies): Policies {
  return {
    report() {
      const policy = source.current();
      return policy ? describe(policy) : { path: source.path, exists: false, rules: [], problems: [] };
    },
    check: (path, content) => describe(readPolicy(path, content)),
    async test({ image: text, where, credentials, signal }) {
      const policy = source.current();
      if (!policy) return { admitted: true, trials: [] };
      if (where === "here") return testUse(policy, images, here, text);
      const name = judgedName(parseReference(text));
      const rule = ruleForName(policy, name);
      const access = { credentials: await credentials?.(name.domain), signal };
      const fault = await registries.pulling(name, access, async (remote) => {
        const chain = await manifestChain(remote, name.digest ?? name.tag!, signal);
        return (await judgeRemote(rule, name, chain, remote, signal)).fault;
      });
      return verdict([{ trial: { rule, name }, fault }]);
    },
  };
}

function testUse(
  policy: Policy,
  images: PoliciesDependencies["images"],
  here: HereDependencies,
  text: string,
): PolicyTest {
  const image = images.resolve(text);
  const signatures = signaturesHere(here, image);
  const trials = trialsOfUse(policy, image, images.originsOf(text), isName(text) ? text : undefined);
  return verdict(
    trials.map((trial) => ({
      trial,
      fault: faultOf(trial.rule, { name: trial.name, digests: subjectsOf(image), signatures }),
    })),
  );
}

function verdict(
  results: readonly { readonly trial: Trial; readonly fault: string | undefined }[],
): PolicyTest {
  return {
    admitted: results.some((one) => one.fault === undefined),
    trials: results.map(({ trial, fault }) => ({
      rule: trial.rule.shown,
      ...(fault === undefined ? {} : { fault }),
    })),
  };
}

function isName(text: string): boolean {
  if (/^(sha256:)?[a-f0-9]{12,64}$/.test(text)) return false;
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (isVirgaError(error, "invalid")) return false;
    throw error;
  }
}

function describe(policy: Policy): PolicyReport {
  const rules: ShownRule[] = [];
  const problems = new Set<string>();
  const add = (transport: string, scope: string, requirements: readonly Requirement[]) => {
    const where = transport === "default" ? "default" : `${transport} "${scope}"`;
    for (const one of requirements.flatMap(problemsOf)) problems.add(`${where}: ${one}`);
    rules.push({ transport, scope, requirements: requirements.map(shownRequirement) });
  };
  for (const [transport, scopes] of policy.transports) {
    for (const [scope, requirements] of scopes) add(transport, scope, requirements);
    if (!known.includes(transport)) problems.add(`${transport}: nothing comes here by this transport`);
    else if (transport !== "docker" && [...scopes.keys()].some((scope) => scope !== "")) {
      problems.add(`${transport}: only the scope "" means something here`);
    }
  }
  add("default", "", policy.default);
  return { path: policy.path, exists: true, rules, problems: [...problems] };
}

/** The transports by which images come here. */
const known: readonly string[] = ["docker", "docker-archive", "oci-archive", "tarball", "containers-storage"];

function problemsOf(requirement: Requirement): string[] {
  if (requirement.type === "unsupported") return [`${requirement.what} is not supported: all is refused`];
  if (requirement.type !== "sigstoreSigned") return [];
  return requirement.keys.flatMap((source) => {
    const key = readKey(source);
    return "problem" in key ? [key.problem] : [];
  });
}

function shownRequirement(requirement: Requirement): string {
  if (requirement.type === "unsupported") return `refused: ${requirement.what}`;
  if (requirement.type !== "sigstoreSigned") return requirement.type;
  const keys = requirement.keys.map((source) => {
    const key = readKey(source);
    const name =
      "path" in source ? source.path.slice(dirname(source.path).length).replace(/^\//, "") : "data";
    return "problem" in key ? name : `${name} (${key.kind} ${key.fingerprint})`;
  });
  return `sigstoreSigned by ${keys.join(" or ")}, ${requirement.identity.type}`;
}
