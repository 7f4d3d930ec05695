import { familiar, parseReference, repositoryDigests, type Image } from "../../../images/index.ts";
import type { Filters } from "../http/filters.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import type { ImagesBackend } from "./backend.ts";
import { createdAt, encodeManifest, encodeSummary, layerUse, repoTags, sharedSize } from "./wire.ts";

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
        ...encodeSummary(image, { ...counts, ...shared }, version),
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
      filters.any("reference", (pattern) => matchesReference(image, pattern))
    );
  };
}

/** Go's path.Match on the familiar name with and without tag, and on the repository's digests. */
function matchesReference(image: Image, pattern: string): boolean {
  const names = image.references.flatMap((reference) => {
    const { domain, path } = parseReference(reference);
    return [familiar(reference), familiar(`${domain}/${path}`), reference];
  });
  const glob = globToRegExp(pattern);
  return [...names, ...repoTags(image), ...repositoryDigests(image)].some((name) => glob.test(name));
}

/** `*` and `?` do not match a slash. */
export function globToRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\*?]/g, (character) => {
    if (character === "*") return "[^/]*";
    return character === "?" ? "[^/]" : `\\${character}`;
  });
  return new RegExp(`^${source}$`);
}
