/** The registry's part of Virga's own API. */
export interface RegistryClient {
  info(): Promise<WireRegistry>;
  /** Applies the rules of retention and frees what nobody needs; with `plan` says what the rules would take. */
  collect(plan: boolean): Promise<WireRegistryCollected>;
  /** Compares all blobs, of images too, with their digests. */
  check(): Promise<WireRegistryChecked>;
  setUser(name: string, password: string): Promise<void>;
  grant(grant: WireGrant): Promise<void>;
  setQuota(quota: { readonly repositories: string; readonly bytes: number }): Promise<void>;
  addRule(rule: Omit<WireRetentionRule, "id">): Promise<WireRetentionRule>;
  addWebhook(webhook: {
    readonly url: string;
    readonly repositories: string;
    readonly secret?: string;
  }): Promise<{
    readonly id: number;
  }>;
  repositories(): Promise<readonly WireRepository[]>;
  manifests(repository: string): Promise<readonly WireManifest[]>;
  /** A tag, a manifest by its digest, or without either all manifests of the repository. */
  removeImage(repository: string, what: { readonly tag?: string; readonly digest?: string }): Promise<void>;
  protect(protection: WireProtection): Promise<void>;
  unprotect(protection: WireProtection): Promise<void>;
  /** A user by name, a quota by its pattern, a rule or a webhook by its number. */
  remove(kind: "users" | "quotas" | "retention" | "webhooks", name: string): Promise<void>;
}

/** Times are RFC 3339. */
export interface WireRepository {
  readonly name: string;
  readonly tags: number;
  readonly manifests: number;
  readonly bytes: number;
  readonly pushedAt?: string;
  readonly pulledAt?: string;
}

export interface WireManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly subject?: string;
  readonly tags: readonly string[];
  readonly bytes: number;
  readonly pushedAt: string;
  readonly pulledAt?: string;
}

/** Patterns of repositories and tags. */
export interface WireProtection {
  readonly repositories: string;
  readonly tags: string;
}

export interface WireGrant {
  readonly user: string;
  readonly repositories: string;
  readonly actions: readonly ("pull" | "push" | "delete")[];
}

export interface WireRetentionRule {
  readonly id: number;
  readonly repositories: string;
  readonly tags: string;
  readonly keepTags?: number;
  readonly unusedMs?: number;
  readonly untaggedMs?: number;
}

export interface WireRegistry {
  readonly totals: {
    readonly repositories: number;
    readonly manifests: number;
    readonly tags: number;
    readonly blobs: number;
    readonly bytes: number;
    readonly uploads: number;
    readonly deliveries: number;
  };
  readonly users: readonly { readonly name: string; readonly grants: readonly WireGrant[] }[];
  readonly quotas: readonly {
    readonly repositories: string;
    readonly bytes: number;
    readonly used: number;
  }[];
  readonly retention: readonly WireRetentionRule[];
  readonly protections: readonly WireProtection[];
  readonly webhooks: readonly {
    readonly id: number;
    readonly url: string;
    readonly repositories: string;
    readonly signed: boolean;
  }[];
  /** Registries whose images are kept here. */
  readonly caches: readonly WireRegistryCache[];
  /** When all blobs were last compared with their digests, and what is damaged. */
  readonly checked: { readonly finishedAt?: string; readonly damaged: readonly WireDamagedBlob[] };
  /** PEM. */
  readonly authority?: string;
}

export interface WireRegistryCache {
  readonly upstream: string;
  readonly prefix: string;
  readonly repositories: number;
  readonly bytes: number;
  /** Requests since the daemon's start, by how they were answered. */
  readonly outcomes: {
    readonly hit: number;
    readonly miss: number;
    readonly stale: number;
    readonly failed: number;
  };
  readonly fetchedBytes: number;
  /** Why the upstream can't be asked now. */
  readonly failure?: string;
}

export interface WireRegistryCollected {
  readonly tags: readonly { readonly repository: string; readonly tag: string }[];
  readonly manifests: readonly { readonly repository: string; readonly digest: string }[];
  readonly links: number;
  readonly uploads: number;
  readonly freed: number;
  readonly planned: boolean;
}

export interface WireDamagedBlob {
  readonly digest: string;
  readonly size: number;
  /** Images and repositories. */
  readonly holders: readonly string[];
}

export interface WireRegistryChecked {
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: readonly WireDamagedBlob[];
}

export type SendJson = <T>(method: string, path: string, body?: unknown) => Promise<T>;

export function createRegistryClient(json: SendJson): RegistryClient {
  return {
    info: () => json("GET", "/v1/registry"),
    collect: (plan) => json("POST", "/v1/registry/gc", { plan }),
    check: () => json("POST", "/v1/registry/check", {}),
    setUser: (name, password) => json("POST", "/v1/registry/users", { name, password }),
    grant: (grant) => json("POST", "/v1/registry/grants", grant),
    setQuota: (quota) => json("POST", "/v1/registry/quotas", quota),
    addRule: (rule) => json("POST", "/v1/registry/retention", rule),
    addWebhook: (webhook) => json("POST", "/v1/registry/webhooks", webhook),
    repositories: () => json("GET", "/v1/registry/repositories"),
    manifests: (repository) => json("GET", `/v1/registry/repositories/${encodeURIComponent(repository)}`),
    removeImage: async (repository, what) =>
      void (await json("POST", "/v1/registry/removals", { repository, ...what })),
    protect: async (protection) => void (await json("POST", "/v1/registry/protections", protection)),
    unprotect: async (protection) =>
      void (await json("POST", "/v1/registry/protections", { ...protection, lift: true })),
    remove: (kind, name) => json("DELETE", `/v1/registry/${kind}/${encodeURIComponent(name)}`),
  };
}
