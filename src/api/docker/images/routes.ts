import { fail } from "../../../base/index.ts";
import { familiar, normalise } from "../../../images/index.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { readFilters } from "../http/filters.ts";
import { flag, requiredText, text } from "../http/query.ts";
import { holds, quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { imageFilters, listImages } from "./list.ts";
import { platformParameter, requireVariant } from "./platforms.ts";
import { transferRoutes } from "./transfer.ts";
import { encodeHistory, encodeImage } from "./wire.ts";

/** Names of images have slashes in them; `{.+}` takes them whole. */
export function imageRoutes(backend: ImagesBackend): ApiRouter {
  const routes = createRouter();
  const { images } = backend;

  routes.get("/images/json", (c) => {
    const version = c.get("version");
    const filters = readFilters(c, imageFilters);
    const pattern = holds(quirks.referenceFilter, version) ? text(c, "filter") : undefined;
    if (pattern !== undefined) filters.add("reference", pattern);
    const options = {
      sharedSize: holds(quirks.sharedSizeParameter, version) && flag(c, "shared-size"),
      manifests: holds(quirks.imageManifests, version) && (flag(c, "manifests") || flag(c, "identity")),
    };
    return c.json(listImages(backend, filters, options, version));
  });
  routes.get("/images/search", () => {
    throw fail("unimplemented", "image.search", "searching a registry is not supported");
  });
  routes.post("/images/prune", async (c) => {
    const filters = readFilters(c, ["dangling", "until", "label", "label!"]);
    const { untagged, deleted, freed } = await images.prune({
      all: filters.flag("dangling") === false,
      ...defined({ until: filters.time("until", backend.clock.now()) }),
      keep: (image) => !filters.labels(image.config.config?.Labels ?? {}),
    });
    const list = removalList({ untagged, deleted });
    return c.json({ ImagesDeleted: list.length > 0 ? list : null, SpaceReclaimed: freed });
  });
  routes.route("/", transferRoutes(backend));

  routes.get("/images/:name{.+}/json", (c) => {
    const name = pathParameter(c, "name");
    const version = c.get("version");
    const manifests = holds(quirks.imageDescriptors, version) && flag(c, "manifests");
    const platform = platformParameter(c, quirks.inspectPlatform);
    if (manifests && platform !== undefined) {
      const message = "conflicting options: manifests and platform options cannot both be set";
      throw fail("invalid", "api.bad-parameter", message);
    }
    const image = images.resolve(name);
    requireVariant(image, name, platform);
    return c.json(encodeImage(backend, image, { manifests }, version));
  });
  routes.get("/images/:name{.+}/history", (c) => {
    const name = pathParameter(c, "name");
    const image = images.resolve(name);
    requireVariant(image, name, platformParameter(c, quirks.imagePlatformParameters));
    return c.json(encodeHistory(backend, image));
  });
  // An image here is one manifest, and attestations stand beside it in an index: there are none to tell.
  routes.get("/images/:name{.+}/attestations", (c) => {
    const name = pathParameter(c, "name");
    requireVariant(images.resolve(name), name, platformParameter(c, quirks.imagePlatformParameters));
    return c.json([]);
  });
  routes.post("/images/:name{.+}/tag", (c) => {
    const tag = text(c, "tag");
    const repository = requiredText(c, "repo");
    images.tag(pathParameter(c, "name"), tag === undefined ? repository : `${repository}:${tag}`);
    return c.body(null, 201);
  });
  routes.post("/images/:name{.+}/push", (c) => {
    const { references } = images.resolve(pathParameter(c, "name"));
    throw fail("unimplemented", "image.push", "pushing to a registry is not supported", {
      hint: `export it with docker save ${references[0] === undefined ? "IMAGE" : familiar(references[0])}`,
    });
  });
  routes.delete("/images/:name{.+}", async (c) => {
    const name = pathParameter(c, "name");
    const platform = platformParameter(c, quirks.removePlatforms, "platforms");
    if (platform !== undefined) requireVariant(images.resolve(name), name, platform);
    const options = { force: flag(c, "force"), noPrune: flag(c, "noprune") };
    return c.json(removalList(await images.remove(name, options)));
  });
  routes.get("/distribution/:name{.+}/json", (c) => {
    const name = normalise(pathParameter(c, "name"));
    throw fail(
      "unimplemented",
      "image.distribution",
      `asking a registry about ${familiar(name)} is not supported`,
    );
  });
  return routes;
}

function removalList(removed: { readonly untagged: readonly string[]; readonly deleted: readonly string[] }) {
  return [
    ...removed.untagged.map((reference) => ({ Untagged: shown(reference) })),
    ...removed.deleted.map((id) => ({ Deleted: id })),
  ];
}

function shown(reference: string): string {
  return reference.startsWith("sha256:") ? reference : familiar(reference);
}
