import { parseDigest, type ContentStore, type Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import type { Leases } from "./leases.ts";
import type { LinkTable } from "./link-table.ts";
import type { RegistryEvent, StoredManifest } from "./manifest.ts";
import { createManifestCache } from "./manifest-cache.ts";
import { readManifest, refuseSize, type ManifestContent } from "./manifest-format.ts";
import type { ManifestTable } from "./manifest-table.ts";
import { checkName, checkReference, type Reference } from "./names.ts";
import type { Condition, ManifestPush, Manifests, PushedManifest } from "./registry.ts";
import type { Protections } from "./protections.ts";
import type { Quotas } from "./quotas.ts";
import type { Repositories } from "./repositories.ts";

export interface ManifestsDependencies {
  readonly state: State;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly repositories: Repositories;
  readonly table: ManifestTable;
  readonly links: LinkTable;
  readonly quotas: Quotas;
  readonly protections: Pick<Protections, "check">;
  /** Frees those of the blobs that nobody needs any more. */
  readonly release: (blobs: readonly Digest[]) => Promise<unknown>;
  readonly announce: (happened: RegistryEvent) => void;
}

export function createManifests(dependencies: ManifestsDependencies): Manifests {
  const { state, content, repositories, table, protections, release, announce } = dependencies;
  const cache = createManifestCache();

  const lookUp = (repository: string, reference: Reference): StoredManifest | undefined => {
    const id = repositories.idOf(checkName(repository));
    if (id === undefined) return undefined;
    return "tag" in reference ? table.byTag(id, reference.tag) : table.byDigest(id, reference.digest);
  };
  const find = (repository: string, reference: Reference): StoredManifest => {
    const found = lookUp(repository, reference);
    if (found) return found;
    throw unknown(repository, reference);
  };

  return {
    find,
    async read({ digest }) {
      const known = cache.get(digest);
      if (known) return known;
      const bytes = await Bun.file(content.path(digest)).bytes();
      if (digestOf(bytes, digest) !== digest) throw damaged(digest);
      cache.set(digest, bytes);
      return bytes;
    },
    put: (repository, push) => put(dependencies, lookUp, repository, push),
    async delete(repository, reference, actor) {
      const manifest = find(repository, reference);
      const id = repositories.need(repository);
      const tags = "tag" in reference ? [reference.tag] : [];
      protections.check(repository, "tag" in reference ? tags : table.tagsOf(id, manifest.digest));
      state.transaction(() => {
        if ("tag" in reference) table.untag(id, reference.tag);
        else table.delete(id, manifest.digest);
        announce({ action: "delete", repository, manifest, tags, ...(actor === undefined ? {} : { actor }) });
      });
      await state.flushed();
      if ("digest" in reference) await release([manifest.digest]);
    },
    pulled: (repository, digest) => table.pulled(repository, digest),
    tags: (repository, page = {}) => table.tags(repositories.need(checkName(repository)), page),
    *referrers(repository, subject, { artifactType, last } = {}) {
      const id = repositories.idOf(checkName(repository));
      let skipping = last !== undefined;
      for (const one of id === undefined ? [] : table.referrers(id, subject)) {
        if (!skipping && (artifactType === undefined || one.artifactType === artifactType)) yield one;
        if (one.digest === last) skipping = false;
      }
    },
  };
}

async function put(
  dependencies: ManifestsDependencies,
  lookUp: (repository: string, reference: Reference) => StoredManifest | undefined,
  repository: string,
  push: ManifestPush,
): Promise<PushedManifest> {
  const { state, content, leases, repositories, table, links, quotas, announce } = dependencies;
  const { bytes, reference } = push;
  checkName(repository);
  refuseSize(bytes.length);
  const tags = ["tag" in reference ? [reference.tag] : [], push.tags ?? []].flat();
  for (const tag of tags) checkReference(tag);
  const digest = digestOf(bytes, "digest" in reference ? reference.digest : undefined);
  if ("digest" in reference && digest !== reference.digest) throw otherDigest(reference.digest, digest);
  const manifest = readManifest(bytes, push.mediaType);
  using _lease = leases.take(digest);
  await dropDamaged(content, digest);
  await content.put(bytes, { digest });
  const { mediaType, subject } = manifest;
  const pushed = { digest, mediaType, size: bytes.length, tags, ...(subject ? { subject } : {}) };
  const actor = push.actor === undefined ? {} : { actor: push.actor };
  // From here to the end of the transaction nothing comes between.
  state.transaction(() => {
    if (push.condition) refuseUnless(push.condition, lookUp(repository, reference)?.digest);
    const moved = tags.filter((tag) => (lookUp(repository, { tag })?.digest ?? digest) !== digest);
    if (push.cached !== true) dependencies.protections.check(repository, moved);
    const id = repositories.ensure(repository);
    if (push.cached !== true) refuseMissing(links, id, manifest);
    table.insert(id, { ...manifest, digest, size: bytes.length });
    for (const tag of tags) table.tag(id, tag, digest);
    repositories.touch(id);
    if (push.cached === true) return;
    quotas.check(repository, 0);
    announce({ action: "push", repository, manifest: pushed, tags, ...actor });
  });
  await state.flushed();
  return pushed;
}

/** A file of the same size would be kept, whatever is in it. */
async function dropDamaged(content: ContentStore, digest: Digest): Promise<void> {
  if (!content.has(digest)) return;
  const stored = await Bun.file(content.path(digest)).bytes();
  if (digestOf(stored, digest) !== digest) await content.remove(digest);
}

function refuseMissing(links: LinkTable, repository: number, { blobs }: ManifestContent): void {
  const missing: Digest[] = [];
  for (const { digest, size } of blobs) {
    const stored = links.sizeOf(repository, digest);
    if (stored === undefined) missing.push(digest);
    else if (stored !== size) {
      throw refuse(
        "invalid",
        "registry.manifest-invalid",
        `the manifest says that ${digest} has ${size} bytes; it has ${stored}`,
        { detail: { digest, size: stored } },
      );
    }
  }
  if (missing.length === 0) return;
  throw refuse(
    "invalid",
    "registry.manifest-blob-unknown",
    `the manifest refers to blobs that the repository does not have: ${missing.join(", ")}`,
    { detail: { digests: missing }, hint: "push or mount the blobs first" },
  );
}

function refuseUnless(condition: Condition, current: Digest | undefined): void {
  if (holds(condition, current)) return;
  const now = current === undefined ? "it is not there" : `it is ${current}`;
  throw refuse(
    "precondition",
    "registry.condition-failed",
    `the condition of the push does not hold: ${now}`,
    {
      detail: { digest: current ?? null },
      hint: "get the manifest again and repeat the change on it",
    },
  );
}

function holds(condition: Condition, current: Digest | undefined): boolean {
  if (condition === "absent") return current === undefined;
  if (condition === "present") return current !== undefined;
  if ("is" in condition) return current !== undefined && condition.is.includes(current);
  return current === undefined || !condition.not.includes(current);
}

/** In the algorithm of `like`. */
function digestOf(bytes: Uint8Array, like: Digest | undefined): Digest {
  const algorithm = like === undefined ? "sha256" : parseDigest(like).algorithm;
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

function otherDigest(expected: Digest, got: Digest): Error {
  return refuse("invalid", "registry.digest-invalid", `the manifest's digest is ${got}, not ${expected}`, {
    detail: { expected, got },
  });
}

function unknown(repository: string, reference: Reference): Error {
  const what = "tag" in reference ? `tag '${reference.tag}'` : `manifest ${reference.digest}`;
  return refuse("not-found", "registry.manifest-unknown", `'${repository}' has no ${what}`, {
    detail: { name: repository, ...reference },
  });
}

function damaged(digest: Digest): Error {
  return refuse("data-loss", "registry.manifest-damaged", `the stored manifest ${digest} is damaged`, {
    detail: { digest },
    hint: "push the image again",
  });
}
