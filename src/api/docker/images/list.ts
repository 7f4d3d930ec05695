import { familiar, parseReference, repositoryDigests, type Image } from "../../../images/index.ts";
import type { Filters } from "../http/filters.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import type { ImagesBackend } from "./backend.ts";
import { createdAt, encodeManifest, encodeSummary, layerUse, sharedSize } from "./wire.ts";

export const imageFilters = ["before", "dangling", "label", "label!", "reference", "since", "until"];

/** GET /images/json: those that match, newest first. Throws `not-found` for a `before` or `since` without an image. */
export function listImages(
  backend: ImagesBackend,
  filters: Filters,
  options: { readonly sharedSize: boolean; readonly manifests: boolean },
  version: ApiVersion,
) {
  const images = backend.images.list();
  const accepts = selector(backend, filters);
  const uses = options.sharedSize ? layerUse(images) : undefined;
  const containers = backend.containers.list();
  return images
    .filter(accepts)
    .toSorted((a, b) => createdAt(b).getTime() - createdAt(a).getTime())
    .map((image) => {
      const shared = uses === undefined ? {} : { sharedSize: sharedSize(backend, image, uses) };
      const own = containers.filter((one) => one.imageId === image.id).map((one) => one.id);
      const counts = holds(quirks.imageContainers, version) ? { containers: own.length } : {};
      return {
        ...encodeSummary(named(image, filters), { ...counts, ...shared }, version),
        ...(options.manifests ? { Manifests: [encodeManifest(image, own)] } : {}),
      };
    });
}

function selector(backend: ImagesBackend, filters: Filters): (image: Image) => boolean {
  const dangling = filters.flag("dangling");
  const [before, since] = ["before", "since"].map((name) => {
    const value = filters.all(name)[0];
    return value === undefined ? undefined : createdAt(backend.images.resolve(value)).getTime();
  });
  const until = filters.time("until", backend.clock.now())?.getTime();
  return (image) => {
    const created = createdAt(image).getTime();
    return (
      (dangling === undefined || dangling === (image.references.length === 0)) &&
      (before === undefined || created < before) &&
      (since === undefined || created > since) &&
      (until === undefined || created < until) &&
      filters.labels(image.config.config?.Labels ?? {}) &&
      (filters.all("reference").length === 0 || isNamed(named(image, filters)))
    );
  };
}

function isNamed({ references, digests }: Image): boolean {
  return references.length + digests.length > 0;
}

/** The image with the names that a filter by reference leaves, as Docker shows it; all without such a filter. */
function named(image: Image, filters: Filters): Image {
  const globs = filters.all("reference").map(globToRegExp);
  if (globs.length === 0) return image;
  const matches = (text: string) => namesOf(text).some((name) => globs.some((glob) => glob.test(name)));
  return {
    ...image,
    references: image.references.filter(matches),
    digests: repositoryDigests(image).filter(matches),
  };
}

/** What Go's path.Match is asked for: the familiar name and the full one, each with and without tag or digest. */
function namesOf(reference: string): string[] {
  const { domain, path } = parseReference(reference);
  const repository = `${domain}/${path}`;
  return [familiar(reference), familiar(repository), reference, repository];
}

/** `*` and `?` do not match a slash. */
export function globToRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\*?]/g, (character) => {
    if (character === "*") return "[^/]*";
    return character === "?" ? "[^/]" : `\\${character}`;
  });
  return new RegExp(`^${source}$`);
}
