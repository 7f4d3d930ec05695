import { fail } from "../../../base/index.ts";
import { familiar } from "../../../images/index.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { readFilters } from "../http/filters.ts";
import { flag, requiredText, text } from "../http/query.ts";
import { quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { platformParameter, requireVariant } from "./platforms.ts";
import { push } from "./push.ts";
import { transferRoutes } from "./transfer.ts";
import { readingRoutes } from "./reading.ts";

/** Names of images have slashes in them; `{.+}` takes them whole. */
export function imageRoutes(backend: ImagesBackend): ApiRouter {
  const routes = createRouter();
  const { images } = backend;

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

  routes.route("/", readingRoutes(backend));
  routes.post("/images/:name{.+}/tag", (c) => {
    const tag = text(c, "tag");
    const repository = requiredText(c, "repo");
    images.tag(pathParameter(c, "name"), tag === undefined ? repository : `${repository}:${tag}`);
    return c.body(null, 201);
  });
  routes.post("/images/:name{.+}/push", (c) => push(backend, c));
  routes.delete("/images/:name{.+}", async (c) => {
    const name = pathParameter(c, "name");
    const platform = platformParameter(c, quirks.removePlatforms, "platforms");
    if (platform !== undefined) requireVariant(images.resolve(name), name, platform);
    const options = { force: flag(c, "force"), noPrune: flag(c, "noprune") };
    return c.json(removalList(await images.remove(name, options)));
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
