import { fail, KeyedLock, messageOf, type Clock, type Logger } from "../../base/index.ts";
import type { BlobInfo, ContentStore, Digest } from "../../content/index.ts";
import type { Registries } from "../../distribution/index.ts";
import type { State } from "../../state/index.ts";
import { linkBlob } from "../blobs.ts";
import { RegistryError } from "../errors.ts";
import type { Leases } from "../leases.ts";
import type { LinkTable } from "../link-table.ts";
import type { StoredManifest } from "../manifest.ts";
import { checkName, type Reference } from "../names.ts";
import type { Blobs, Manifests } from "../registry.ts";
import type { Repositories } from "../repositories.ts";
import type { CacheSettings, Caches, Upstream } from "./cache.ts";
import { createFetches, type Fetches } from "./fetches.ts";
import { createCacheTable, type CacheTable } from "./table.ts";
import { createCounts, type Counts } from "./totals.ts";
import {
  createUpstreams,
  isAway,
  saysNo,
  upstreamFailure,
  type Target,
  type Upstreams,
} from "./upstreams.ts";

export interface CachesDependencies {
  readonly settings: CacheSettings;
  readonly registries: Pick<Registries, "open">;
  readonly state: State;
  readonly content: ContentStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leases: Leases;
  readonly repositories: Repositories;
  readonly links: LinkTable;
  readonly manifests: Manifests;
  readonly blobs: Blobs;
  /** Frees those of the blobs that nobody needs any more. */
  readonly release: (blobs: readonly Digest[]) => Promise<number>;
}

/** An upstream that did not answer is not asked again for so long, as long as there is something to serve. */
const awayMs = 30_000;
/** How long an upstream may take to say whether a tag that is here has moved. */
const revalidationMs = 10_000;
/** What came of a blob that nobody has asked for since is dropped. */
const partialLifeMs = 24 * 3_600_000;

interface Parts extends CachesDependencies {
  readonly table: CacheTable;
  readonly countsOf: (upstream: Upstream) => Counts;
  readonly upstreams: Upstreams;
  readonly fetches: Fetches;
  readonly locks: KeyedLock;
  readonly targetOf: (repository: string) => Target;
}

export function createCaches(dependencies: CachesDependencies): Caches {
  const { settings, registries, state, content, clock, leases } = dependencies;
  const table = createCacheTable(state, clock, settings.upstreams);
  const countsOf = createCounts(settings.upstreams);
  const find = (repository: string) =>
    settings.upstreams.find(({ prefix }) => repository.startsWith(`${prefix}/`));
  const targetOf = (repository: string): Target => {
    const upstream = find(repository)!;
    return { upstream, path: repository.slice(upstream.prefix.length + 1) };
  };
  const fetches = createFetches({
    content,
    leases,
    link: (names, blob) => link(parts, names, blob),
    received: (repository, bytes) => void (countsOf(targetOf(repository).upstream).fetchedBytes += bytes),
  });
  const upstreams = createUpstreams(registries, clock);
  const locks = new KeyedLock();
  const parts: Parts = { ...dependencies, table, countsOf, upstreams, fetches, locks, targetOf };

  return {
    of: find,
    nameIn(domain, name) {
      const upstream = settings.upstreams.find((one) => one.domain === domain);
      if (!upstream) return undefined;
      // As everybody says it to Docker Hub.
      const short = domain === "docker.io" && !name.includes("/");
      return `${upstream.prefix}/${short ? "library/" : ""}${name}`;
    },
    manifest: (repository, reference, signal) =>
      seeToManifest(parts, checkName(repository), reference, signal),
    blob: (repository, digest, options) => seeToBlob(parts, checkName(repository), digest, options),
    tags: (repository, signal) =>
      asking(parts, repository, "name", signal, async (remote) => (await remote.tags(signal)).toSorted()),
    referrers: (repository, subject, artifactType, signal) =>
      asking(parts, repository, "manifest", signal, (remote) =>
        remote.referrers(subject, artifactType, signal),
      ),
    evict: () => evict(parts),
    totals: () =>
      settings.upstreams.map((upstream) => {
        const { outcomes, fetchedBytes, failure } = countsOf(upstream);
        const { domain, prefix } = upstream;
        const counted = {
          upstream: domain,
          prefix,
          ...table.holds(upstream),
          outcomes: { ...outcomes },
          fetchedBytes,
        };
        return failure === undefined ? counted : { ...counted, failure };
      }),
    close: () => fetches.close(),
  };
}

async function seeToManifest(
  parts: Parts,
  repository: string,
  reference: Reference,
  signal: AbortSignal,
): Promise<void> {
  const { table, countsOf, targetOf, clock, locks } = parts;
  const target = targetOf(repository);
  const counts = countsOf(target.upstream);
  const text = "tag" in reference ? reference.tag : reference.digest;
  using _turn = await locks.acquire(`${repository} ${text}`, signal);
  const known = await wholeManifest(parts, repository, reference);
  const away = counts.awayUntil > clock.now().getTime();
  if (known) {
    table.use(repository, known.digest);
    const { freshMs } = target.upstream;
    const fresh = "digest" in reference || table.ageOf(repository, reference.tag) < freshMs;
    if (fresh || away) return void counts.outcomes[fresh ? "hit" : "stale"]++;
  }
  try {
    const moved = await bring(parts, target, { repository, reference, known, signal });
    counts.outcomes[moved ? "miss" : "hit"]++;
    counts.failure = undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (saysNo(error) && "tag" in reference) table.untag(repository, reference.tag);
    noteFailure(parts, target, error);
    if (known && !saysNo(error)) return void counts.outcomes.stale++;
    counts.outcomes.failed++;
    throw upstreamFailure(error, target, "manifest");
  }
}

/** The manifest that is here, if it is what its digest says. */
async function wholeManifest(
  { manifests, content }: Parts,
  repository: string,
  reference: Reference,
): Promise<StoredManifest | undefined> {
  try {
    const found = manifests.find(repository, reference);
    if (!content.has(found.digest)) return undefined;
    await manifests.read(found);
    return found;
  } catch (error) {
    if (error instanceof RegistryError && ["not-found", "data-loss"].includes(error.kind)) return undefined;
    throw error;
  }
}

/** Gets what the upstream has now; false when that is what is here. */
async function bring(
  { upstreams, manifests, table, clock }: Parts,
  target: Target,
  wanted: {
    readonly repository: string;
    readonly reference: Reference;
    readonly known: StoredManifest | undefined;
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const { repository, reference, known } = wanted;
  const work = async (signal: AbortSignal) => {
    const remote = await upstreams.open(target, signal);
    if (known && "tag" in reference) {
      const now = await remote.headManifest(reference.tag, signal);
      if (now?.digest === known.digest) {
        table.confirm(repository, reference.tag);
        return false;
      }
    }
    const text = "tag" in reference ? reference.tag : reference.digest;
    const { descriptor, bytes } = await remote.manifest(text, signal);
    await manifests.put(repository, { reference, mediaType: descriptor.mediaType, bytes, cached: true });
    return true;
  };
  return known ? await within(clock, revalidationMs, wanted.signal, work) : await work(wanted.signal);
}

async function within<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  const both = AbortSignal.any([signal, late.signal]);
  void clock.sleep(ms, done.signal).then(
    () => late.abort(fail("timeout", "registry.upstream-slow", `no answer within ${ms / 1000} s`)),
    () => undefined,
  );
  try {
    return await work(both);
  } finally {
    done.abort();
  }
}

async function seeToBlob(
  parts: Parts,
  repository: string,
  digest: Digest,
  { head, signal }: { readonly head: boolean; readonly signal: AbortSignal },
) {
  const { blobs, table, content, leases, countsOf, targetOf, fetches, settings } = parts;
  const counts = countsOf(targetOf(repository).upstream);
  const known = here(blobs, repository, digest);
  if (known) {
    table.use(repository, digest);
    if (!head) counts.outcomes.hit++;
    return known;
  }
  return await asking(parts, repository, "blob", signal, async (remote) => {
    // Also for a blob that is here for others: whether this repository has it is for the upstream to say.
    const blob = await remote.statBlob(digest, signal);
    if (!blob) throw blobUnknown(repository, digest);
    if (head) return blob;
    counts.outcomes.miss++;
    using _lease = leases.take(digest);
    if (!fetches.has(digest) && content.has(digest) && content.stat(digest).size === blob.size) {
      await link(parts, [repository], blob);
      return blob;
    }
    await evict(parts, settings.bytes - blob.size);
    return await fetches.join(remote, blob, repository);
  });
}

/** Damaged is as good as none. */
function here(blobs: Blobs, repository: string, digest: Digest): BlobInfo | undefined {
  try {
    return blobs.find(repository, digest);
  } catch (error) {
    if (error instanceof RegistryError && ["not-found", "data-loss"].includes(error.kind)) return undefined;
    throw error;
  }
}

/** The blob must be leased. */
async function link(
  { state, repositories, links }: Parts,
  names: readonly string[],
  blob: BlobInfo,
): Promise<void> {
  state.transaction(() => {
    for (const name of names) linkBlob(repositories, links, name, blob);
  });
  await state.flushed();
}

/** Asks the upstream something, and says in this registry's words why it does not answer. */
async function asking<T>(
  parts: Parts,
  repository: string,
  kind: string,
  signal: AbortSignal,
  ask: (remote: Awaited<ReturnType<Upstreams["open"]>>) => Promise<T>,
): Promise<T> {
  const target = parts.targetOf(checkName(repository));
  try {
    return await ask(await parts.upstreams.open(target, signal));
  } catch (error) {
    signal.throwIfAborted();
    parts.countsOf(target.upstream).outcomes.failed++;
    noteFailure(parts, target, error);
    throw upstreamFailure(error, target, kind);
  }
}

function noteFailure({ countsOf, clock, logger }: Parts, { upstream, path }: Target, error: unknown): void {
  if (!isAway(error)) return;
  const counts = countsOf(upstream);
  counts.failure = messageOf(error);
  counts.awayUntil = clock.now().getTime() + awayMs;
  logger.warn("the upstream of a cache does not answer", { upstream: upstream.domain, name: path, error });
}

async function evict(
  { table, settings, state, release, content, clock }: Parts,
  bytes: number = settings.bytes,
): Promise<number> {
  for (const { digest, changedAt } of content.partials("cache")) {
    if (clock.now().getTime() - changedAt.getTime() > partialLifeMs)
      await content.removePartial(digest, "cache");
  }
  const gone = table.shrink(Math.max(0, bytes));
  if (gone.length === 0) return 0;
  await state.flushed();
  return await release(gone);
}

function blobUnknown(repository: string, digest: Digest): Error {
  return new RegistryError("not-found", "registry.blob-unknown", `'${repository}' has no blob ${digest}`, {
    detail: { name: repository, digest },
  });
}
