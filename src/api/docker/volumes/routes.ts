import type { Volume } from "../../../volumes/index.ts";
import { jsonBody } from "../http/body.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { readFilters, type Filters } from "../http/filters.ts";
import { flag } from "../http/query.ts";
import { holds, quirks } from "../quirks.ts";
import { notAManager } from "../swarm/not-a-manager.ts";
import type { VolumesBackend } from "./backend.ts";
import { createVolumeBody, decodeVolume, encodeVolume } from "./wire.ts";

export function volumeRoutes(backend: VolumesBackend): ApiRouter {
  const routes = createRouter();
  const { volumes } = backend;

  routes.get("/volumes", (c) => {
    const accepts = selector(backend, readFilters(c, ["dangling", "driver", "label", "label!", "name"]));
    return c.json({ Volumes: volumes.list().filter(accepts).map(encodeVolume), Warnings: null });
  });
  routes.post("/volumes/create", async (c) => {
    const body = await jsonBody(c, createVolumeBody, {});
    if (body.ClusterVolumeSpec) throw notAManager();
    const spec = decodeVolume(body);
    return c.json(encodeVolume(await volumes.create(spec)), 201);
  });
  routes.post("/volumes/prune", async (c) => {
    const filters = readFilters(c, ["all", "label", "label!"]);
    const { removed, freed } = await volumes.prune({
      all: filters.flag("all") === true || holds(quirks.volumesPruneAll, c.get("version")),
      keep: (volume) => !filters.labels(volume.labels),
    });
    return c.json({ VolumesDeleted: removed, SpaceReclaimed: freed });
  });
  routes.get("/volumes/:name", (c) => c.json(encodeVolume(volumes.get(pathParameter(c, "name")))));
  routes.put("/volumes/:name", () => {
    throw notAManager();
  });
  routes.delete("/volumes/:name", async (c) => {
    await volumes.remove(pathParameter(c, "name"), flag(c, "force"));
    return c.body(null, 204);
  });
  return routes;
}

/** The names of the volumes that containers have, and how many. */
export function volumeUse(backend: Pick<VolumesBackend, "containers">): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const container of backend.containers.list()) {
    const names = container.mounts.flatMap((mount) => (mount.type === "volume" ? [mount.name] : []));
    for (const name of new Set(names)) uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  return uses;
}

function selector(backend: VolumesBackend, filters: Filters): (volume: Volume) => boolean {
  const dangling = filters.flag("dangling");
  const uses = volumeUse(backend);
  return (volume) =>
    filters.matches("name", volume.name) &&
    filters.exact("driver", volume.driver) &&
    filters.labels(volume.labels) &&
    (dangling === undefined || dangling === !uses.has(volume.name));
}
