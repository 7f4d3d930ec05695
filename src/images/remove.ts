import { fail, shortId, type VirgaError } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { Events } from "../events/index.ts";
import type { State } from "../state/index.ts";
import type { Garbage } from "./garbage.ts";
import type { Image, ImageUse, PruneOptions, RemovedImage } from "./image.ts";
import { find } from "./lookup.ts";
import { familiar, parseReference, repositoryOf } from "./reference.ts";
import { blobsOf, type ImageStore } from "./store.ts";

export interface RemoveDependencies {
  readonly state: State;
  readonly store: ImageStore;
  readonly garbage: Garbage;
  readonly events: Events;
  readonly use: ImageUse;
}

type Step = { readonly untag: readonly string[]; readonly delete: boolean };

/**
 * `docker rmi`: a reference takes that name away, and the image with its last one; an id takes the image with all
 * its names, when these are not spread over several.
 */
export async function removeImage(
  dependencies: RemoveDependencies,
  name: string,
  options: { readonly force?: boolean; readonly noPrune?: boolean },
): Promise<RemovedImage> {
  const { store, garbage } = dependencies;
  // Deciding and doing happen without a pause between: no container or name can come in.
  const { image, removed, orphaned } = (() => {
    const found = find(store, name);
    const step = planRemoval(dependencies.use, found, name, options.force ?? false);
    return { image: found.image, ...perform(dependencies, found.image, step) };
  })();
  if (removed.deleted.length > 0 && !options.noPrune) {
    const blobs = [...blobsOf(image), ...orphaned];
    await garbage.collect({ layers: image.config.rootfs.diff_ids, blobs });
  } else if (orphaned.length > 0) await garbage.collect({ layers: [], blobs: orphaned });
  return removed;
}

/** What a removal does, by dockerd's rules (daemon/images/image_delete.go). Throws `conflict` / `image.in-use`. */
export function planRemoval(
  use: ImageUse,
  found: ReturnType<typeof find>,
  name: string,
  force: boolean,
): Step {
  const { image } = found;
  const containers = use.containersOf(image.id);
  const running = containers.find((container) => container.running);
  if (found.by === "reference") {
    const last = namesOf(image).every((name) => found.references.includes(name));
    if (last && containers[0] && !force) throw nameInUse(name, containers[0].id, image.id);
    return { untag: found.references, delete: last && !running };
  }
  if (running)
    throw undeletable(image.id, true, `image is being used by running container ${shortId(running.id)}`);
  if (namesOf(image).length > 1 && !force) {
    throw undeletable(image.id, false, "image is referenced in multiple repositories");
  }
  if (containers[0] && !force) {
    throw undeletable(
      image.id,
      false,
      `image is being used by stopped container ${shortId(containers[0].id)}`,
    );
  }
  return { untag: namesOf(image), delete: true };
}

/** What an image is known by: its tags, and the digests of repositories that have no tag of it. */
export function namesOf(image: Image): string[] {
  const tagged = new Set(image.references.map((text) => repositoryOf(parseReference(text))));
  const bare = image.digests.filter((text) => !tagged.has(repositoryOf(parseReference(text))));
  return [...image.references, ...bare];
}

/** Returns also the blobs of the referrers that have lost their image. */
function perform(
  { state, store, events }: RemoveDependencies,
  image: Image,
  step: Step,
): { readonly removed: RemovedImage; readonly orphaned: readonly Digest[] } {
  let orphaned: readonly Digest[] = [];
  state.transaction(() => {
    for (const reference of step.untag) store.untag(reference);
    for (const digest of orphans(image, step.untag)) store.untag(digest);
    if (step.delete) store.delete(image.id);
    orphaned = store.dropOrphanedReferrers();
  });
  const attributes = { ...image.config.config?.Labels, name: image.id };
  for (const _reference of step.untag) events.emit("image", "untag", image.id, attributes);
  if (step.delete) events.emit("image", "delete", image.id, attributes);
  const removed = { untagged: step.untag.map(familiar), deleted: step.delete ? [image.id] : [] };
  return { removed, orphaned };
}

/** The digests of the repositories that lose their last tag of the image. */
function orphans(image: Image, untagged: readonly string[]): string[] {
  const repositories = (names: readonly string[]) =>
    new Set(names.filter((one) => !one.includes("@")).map((text) => repositoryOf(parseReference(text))));
  const before = repositories(image.references);
  const after = repositories(image.references.filter((one) => !untagged.includes(one)));
  return image.digests.filter((text) => {
    const repository = repositoryOf(parseReference(text));
    return before.has(repository) && !after.has(repository);
  });
}

/** The images that a prune would take. */
export function prunableImages(
  { store, use }: Pick<RemoveDependencies, "store" | "use">,
  options: PruneOptions,
): Image[] {
  const isUsed = (image: Image) => use.containersOf(image.id).some(({ id }) => !options.without?.has(id));
  return store
    .list()
    .filter(
      (image) =>
        (options.all || image.references.length === 0) &&
        !isUsed(image) &&
        (options.until === undefined || newest(image) < options.until.getTime()) &&
        !options.keep?.(image),
    );
}

/** `docker image prune`; containers keep their images, running or not. */
export async function pruneImages(
  dependencies: RemoveDependencies,
  options: PruneOptions,
): Promise<RemovedImage & { readonly freed: number }> {
  const { store, garbage, events } = dependencies;
  const untagged: string[] = [];
  const deleted: Digest[] = [];
  for (const image of prunableImages(dependencies, options)) {
    const { removed } = perform(dependencies, image, { untag: namesOf(image), delete: true });
    untagged.push(...removed.untagged);
    deleted.push(...removed.deleted);
  }
  // What interrupted pulls have left goes too; a pull that is under way holds what it has.
  store.forgetPulls(new Date(8.64e15));
  const freed = await garbage.collect();
  events.emit("image", "prune", "", { reclaimed: String(freed) });
  return { untagged, deleted, freed };
}

/** A reproducible image says it is old; one that came here a minute ago is not what `until` is after. */
function newest(image: Image): number {
  const created = image.config.created === undefined ? 0 : Date.parse(image.config.created);
  return Math.max(created, image.storedAt.getTime());
}

/** The names of an image as `repository@digest`: as its registries have it, else with its own manifest's digest. */
export function repositoryDigests(image: Image): string[] {
  const known = new Set(image.digests.map((text) => repositoryOf(parseReference(text))));
  const repositories = new Set(image.references.map((text) => repositoryOf(parseReference(text))));
  const own = [...repositories.difference(known)].map((one) => `${one}@${image.manifest.digest}`);
  return [...image.digests, ...own].map(familiar).toSorted();
}

function nameInUse(name: string, container: string, image: Digest): VirgaError {
  return fail(
    "conflict",
    "image.in-use",
    `conflict: unable to remove repository reference "${name}" (must force) - ` +
      `container ${shortId(container)} is using its referenced image ${shortId(image)}`,
    { hint: "remove the container first, or repeat with --force" },
  );
}

function undeletable(image: Digest, hard: boolean, reason: string): VirgaError {
  const how = hard ? "cannot be forced" : "must be forced";
  return fail(
    "conflict",
    "image.in-use",
    `conflict: unable to delete ${shortId(image)} (${how}) - ${reason}`,
    {
      hint: hard ? "stop the container first" : "repeat with --force to remove all names and the image",
    },
  );
}
