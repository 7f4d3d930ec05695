/**
 * The policy: which images may come here and run. Its file has the form, and the meaning, of containers-policy.json(5), which
 * podman, skopeo and buildah read.
 *
 * A pull is judged before anything but its documents is here; a load before its layers are unpacked; and every use
 * (a container, a build's FROM, a mount) of an image that is here, by the file as it is at that moment. Containers that there
 * are go on. Rules are found by the name of the image, the most specific first:
 *
 * ```text
 * docker.io/library/debian:12   docker.io/library/debian   docker.io/library   docker.io   *.io   ""   "default"
 * ```
 */
export interface Policy {
  readonly path: string;
  readonly default: readonly Requirement[];
  /** Requirements by transport and scope; `docker` has the names of images. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly Requirement[]>>;
}

/** All requirements of a rule have to be met. */
export type Requirement =
  | { readonly type: "insecureAcceptAnything" }
  | { readonly type: "reject" }
  | {
      readonly type: "sigstoreSigned";
      readonly keys: readonly KeySource[];
      readonly identity: SignedIdentity;
    }
  /** Known from containers-policy.json and not supported: refuses what it is asked about. */
  | { readonly type: "unsupported"; readonly what: string };

export type KeySource = { readonly path: string } | { readonly pem: string };

/** Which name a signature has to have. */
export type SignedIdentity =
  | { readonly type: "matchExact" }
  | { readonly type: "matchRepoDigestOrExact" }
  | { readonly type: "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: string }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string }
  /** Virga's own: the digest alone counts. Bundles of cosign 3 name no repository. */
  | { readonly type: "matchDigest" };

/** The rule that a name or a transport has. */
export interface Rule {
  /** `docker "registry.example/team"`, `default`. */
  readonly shown: string;
  /** Whether the scope is more than a default. */
  readonly specific: boolean;
  readonly requirements: readonly Requirement[];
}

/** The names that a rule of the transport `docker` may have for an image, the most specific first (as containers/image). */
export function scopesOf(name: {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}): string[] {
  const repository = `${name.domain}/${name.path}`;
  const scopes = [
    ...(name.digest === undefined ? [] : [`${repository}@${name.digest}`]),
    ...(name.tag === undefined ? [] : [`${repository}:${name.tag}`]),
    repository,
  ];
  for (let at = repository.lastIndexOf("/"); at > 0; at = repository.lastIndexOf("/", at - 1)) {
    scopes.push(repository.slice(0, at));
  }
  let host = name.domain.replace(/:\d+$/, "");
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".")) {
    host = host.slice(dot + 1);
    scopes.push(`*.${host}`);
  }
  return scopes;
}

/** The rule for an image of a registry. */
export function ruleForName(policy: Policy, name: Parameters<typeof scopesOf>[0]): Rule {
  const rules = policy.transports.get("docker");
  for (const scope of scopesOf(name)) {
    const requirements = rules?.get(scope);
    if (requirements) return { shown: `docker "${scope}"`, specific: true, requirements };
  }
  return ruleForTransport(policy, "docker");
}

/** The rule for all that comes by a transport. */
export function ruleForTransport(policy: Policy, transport: string): Rule {
  const requirements = policy.transports.get(transport)?.get("");
  if (requirements) return { shown: `${transport} ""`, specific: false, requirements };
  return { shown: "default", specific: false, requirements: policy.default };
}
