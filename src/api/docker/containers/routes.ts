import { z } from "zod";
import { fail, isVirgaError } from "../../../base/index.ts";
import { jsonBody } from "../http/body.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { defined, filled } from "../http/defined.ts";
import { checkFields } from "../http/fields.ts";
import { readFilters } from "../http/filters.ts";
import { flag, integer, terminalSide, text } from "../http/query.ts";
import { platformWarnings } from "../images/platforms.ts";
import { holds, quirks } from "../quirks.ts";
import { archiveRoutes } from "./archive.ts";
import { attachRoutes } from "./attach.ts";
import type { ContainersBackend } from "./backend.ts";
import { createBody, resourcesShape, restartPolicyBody } from "./create/body.ts";
import { inVersion, mountsInVersion, updateInVersion } from "./create/by-version.ts";
import { decodeCreate } from "./create/decode.ts";
import { updateFields } from "./create/fields.ts";
import { decodeResources, decodeRestartPolicy } from "./create/resources.ts";
import { encodeContainer } from "./inspect.ts";
import { listContainers, listFilters } from "./list.ts";
import { logRoutes } from "./logs.ts";
import { statsRoutes } from "./stats.ts";
import { waitRoutes } from "./wait.ts";

const updateBody = z.looseObject({ ...resourcesShape, RestartPolicy: restartPolicyBody });
const changeKinds = { modified: 0, added: 1, deleted: 2 } as const;

export function containerRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  routes.route("/", inspectionRoutes(backend));
  routes.route("/", lifecycleRoutes(backend));
  routes.route("/", changeRoutes(backend));
  routes.route("/", waitRoutes(backend));
  routes.route("/", logRoutes(backend));
  routes.route("/", attachRoutes(backend));
  routes.route("/", statsRoutes(backend));
  routes.route("/", archiveRoutes(backend));
  return routes;
}

function inspectionRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  const { containers } = backend;

  routes.get("/containers/json", async (c) => {
    const limit = integer(c, "limit") ?? 0;
    const options = { all: flag(c, "all"), limit: limit > 0 ? limit : undefined, size: flag(c, "size") };
    const filters = readFilters(c, listFilters);
    for (const name of ["before", "since"]) {
      const value = text(c, name);
      if (value !== undefined && !filters.has(name)) filters.add(name, value);
    }
    return c.json(await listContainers(backend, filters, options, c.get("version")));
  });
  // What it is linked to has a name with a slash in it.
  routes.get("/containers/:id{.+}/json", async (c) => {
    const container = containers.get(pathParameter(c, "id"));
    return c.json(await encodeContainer(backend, container, c.get("version"), flag(c, "size")));
  });
  routes.get("/containers/:id/top", async (c) => {
    const { titles, processes } = await containers.top(pathParameter(c, "id"), text(c, "ps_args"));
    return c.json({ Titles: titles, Processes: processes });
  });
  routes.get("/containers/:id/changes", async (c) => {
    const changes = await containers.changes(pathParameter(c, "id"));
    return c.json(changes.map((change) => ({ Path: change.path, Kind: changeKinds[change.kind] })));
  });
  return routes;
}

/** Before API 1.24 the start's body was the host configuration; a client that still sends one would be misled. */
async function refuseBody(c: ApiContext): Promise<void> {
  // As dockerd: an empty object is shorter than this.
  if ((await c.req.text()).length <= 7) return;
  throw fail(
    "invalid",
    "api.invalid-field",
    "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
  );
}

/** With Docker's words before what happened. */
function inWords(words: string, error: unknown): unknown {
  if (!isVirgaError(error) || error.message.startsWith(words)) return error;
  return fail(error.kind, error.code, `${words}: ${error.message}`, {
    cause: error,
    ...defined({ hint: error.hint }),
  });
}

function lifecycleRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  const { containers } = backend;

  routes.post("/containers/create", async (c) => {
    const version = c.get("version");
    const spoken = inVersion(await jsonBody(c, createBody), version);
    const spec = mountsInVersion(decodeCreate(text(c, "name"), spoken.body), version);
    const platform = holds(quirks.platformOfContainers, version) ? text(c, "platform") : undefined;
    const foreign = platformWarnings(backend, spec.image, platform);
    const { container, warnings } = await containers.create(spec).catch(toldApart);
    return c.json({ Id: container.id, Warnings: [...warnings, ...spoken.warnings, ...foreign] }, 201);
  });
  routes.post("/containers/:id/start", async (c) => {
    await refuseBody(c);
    await containers.start(pathParameter(c, "id"));
    return c.body(null, 204);
  });
  for (const verb of ["stop", "restart"] as const) {
    routes.post(`/containers/:id/${verb}`, async (c) => {
      const signal = holds(quirks.stopSignalParameter, c.get("version")) ? text(c, "signal") : undefined;
      const options = defined({ timeout: integer(c, "t"), signal });
      await containers[verb](pathParameter(c, "id"), options);
      return c.body(null, 204);
    });
  }
  routes.post("/containers/:id/kill", async (c) => {
    const name = pathParameter(c, "id");
    await containers.kill(name, text(c, "signal")).catch((error: unknown) => {
      throw inWords(`cannot kill container: ${name}`, error);
    });
    return c.body(null, 204);
  });
  routes.post("/containers/:id/pause", async (c) => {
    await containers.pause(pathParameter(c, "id"));
    return c.body(null, 204);
  });
  routes.post("/containers/:id/unpause", async (c) => {
    await containers.resume(pathParameter(c, "id"));
    return c.body(null, 204);
  });
  // The name of a link has a slash in it.
  routes.delete("/containers/:id{.+}", async (c) => {
    const name = pathParameter(c, "id");
    if (flag(c, "link")) await containers.unlink(name);
    else await containers.remove(name, { force: flag(c, "force"), volumes: flag(c, "v") });
    return c.body(null, 204);
  });
  routes.post("/containers/prune", async (c) => {
    const filters = readFilters(c, ["until", "label", "label!"]);
    const until = filters.time("until", backend.clock.now());
    const { removed, freed } = await containers.prune({
      ...defined({ until }),
      keep: (container) => !filters.labels(container.process.Labels ?? {}),
    });
    return c.json({ ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: freed });
  });
  return routes;
}

function changeRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  const { containers } = backend;

  routes.post("/containers/:id/rename", async (c) => {
    const newName = text(c, "name");
    if (newName === undefined) {
      throw fail("invalid", "api.bad-parameter", "Neither old nor new names may be empty");
    }
    await containers.rename(pathParameter(c, "id"), newName).catch((error: unknown) => {
      const named =
        isVirgaError(error) && ["container.name-in-use", "container.name-invalid"].includes(error.code);
      throw named ? inWords("Error when allocating new name", error) : error;
    });
    return c.body(null, 204);
  });
  routes.post("/containers/:id/update", async (c) => {
    const body = updateInVersion(await jsonBody(c, updateBody), c.get("version"));
    checkFields(body, updateFields, "");
    const resources = decodeResources(body);
    const { warnings } = await containers.update(pathParameter(c, "id"), {
      ...defined({ restart: decodeRestartPolicy(body.RestartPolicy) }),
      ...(Object.keys(resources).length > 0 ? { resources } : {}),
    });
    return c.json({ Warnings: filled(warnings) ?? null });
  });
  routes.post("/containers/:id/resize", async (c) => {
    const [height, width] = [terminalSide(c, "h", "height"), terminalSide(c, "w", "width")];
    await containers.resize(pathParameter(c, "id"), width, height);
    return c.body(null, 200);
  });
  return routes;
}

/**
 * Clients take `not found` for the container's image alone, and pull it: for a network or another container that is not
 * there the request is wrong. buildx starts a BuildKit of its own where the daemon has none, and ends without its image.
 */
function toldApart(error: unknown): never {
  if (!isVirgaError(error, "not-found")) throw error;
  if (!error.code.startsWith("image.")) {
    throw fail("invalid", error.code, error.message, { cause: error, ...defined({ hint: error.hint }) });
  }
  if (!error.message.includes("moby/buildkit")) throw error;
  throw fail("not-found", error.code, error.message, {
    hint: "this daemon has no BuildKit; build with DOCKER_BUILDKIT=0, or docker load that image",
    cause: error,
  });
}
