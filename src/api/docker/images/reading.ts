import { fail } from "../../../base/index.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { readFilters } from "../http/filters.ts";
import { flag, text } from "../http/query.ts";
import { holds, quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { imageFilters, listImages } from "./list.ts";
import { platformParameter, requireVariant } from "./platforms.ts";
import { encodeHistory, encodeImage } from "./wire.ts";

/** What is told of images: the list, one of them, its history. */
export function readingRoutes(backend: ImagesBackend): ApiRouter {
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
  return routes;
}
