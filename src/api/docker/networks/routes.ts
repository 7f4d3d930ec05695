import { fail } from "../../../base/index.ts";
import type { Network } from "../../../networks/index.ts";
import { connectBody } from "../containers/create/body.ts";
import { decodeEndpoint } from "../containers/create/network.ts";
import { jsonBody } from "../http/body.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { filled } from "../http/defined.ts";
import { readFilters, type Filters } from "../http/filters.ts";
import { text } from "../http/query.ts";
import { holds, quirks } from "../quirks.ts";
import type { NetworksBackend } from "./backend.ts";
import { listFilters } from "./endpoints.ts";
import {
  createNetworkBody,
  decodeNetwork,
  disconnectBody,
  encodeNetwork,
  encodeNetworkWithContainers,
} from "./wire.ts";

export function networkRoutes(backend: NetworksBackend): ApiRouter {
  const routes = createRouter();
  const { networks, containers } = backend;
  const inspect = (network: Network) =>
    encodeNetworkWithContainers(network, networks.endpointsOf(network.id), containers.list());

  routes.get("/networks", (c) => {
    const accepts = selector(backend, readFilters(c, listFilters));
    const chosen = networks.list().filter(accepts);
    if (!holds(quirks.networkListDetails, c.get("version"))) {
      const none = holds(quirks.emptyContainersOfNetworks, c.get("version")) ? { Containers: {} } : {};
      return c.json(chosen.map((network) => ({ ...encodeNetwork(network), ...none })));
    }
    return c.json(chosen.map(inspect));
  });
  routes.post("/networks/create", async (c) => {
    const network = await networks.create(
      decodeNetwork(await jsonBody(c, createNetworkBody), c.get("version")),
    );
    return c.json({ Id: network.id, Warning: "" }, 201);
  });
  routes.post("/networks/prune", async (c) => {
    const filters = readFilters(c, ["until", "label", "label!"]);
    const until = filters.time("until", backend.clock.now());
    const removed = await networks.prune(
      (network) => !filters.labels(network.labels) || (until !== undefined && network.createdAt >= until),
    );
    return c.json({ NetworksDeleted: removed.length > 0 ? removed : null });
  });
  routes.get("/networks/:id", (c) => {
    const name = pathParameter(c, "id");
    const scope = text(c, "scope");
    if (scope !== undefined && scope !== "local") {
      throw fail("not-found", "network.not-found", `network ${name} not found`);
    }
    return c.json(inspect(networks.resolve(name)));
  });
  routes.delete("/networks/:id", async (c) => {
    await networks.remove(pathParameter(c, "id"));
    return c.body(null, 204);
  });
  routes.post("/networks/:id/connect", async (c) => {
    const body = await jsonBody(c, connectBody);
    const settings = decodeEndpoint(body.EndpointConfig ?? {}, "EndpointConfig.");
    const network = networks.resolve(pathParameter(c, "id"));
    await containers.connect(containerName(body.Container), network.id, settings);
    return c.body(null, 200);
  });
  routes.post("/networks/:id/disconnect", async (c) => {
    const body = await jsonBody(c, disconnectBody);
    const network = networks.resolve(pathParameter(c, "id"));
    await containers.disconnect(containerName(body.Container), network.id);
    return c.body(null, 200);
  });
  return routes;
}

function containerName(name: string | null | undefined): string {
  const given = filled(name);
  if (given === undefined) throw fail("invalid", "api.invalid-field", "Container: a container must be named");
  return given;
}

function selector(backend: NetworksBackend, filters: Filters): (network: Network) => boolean {
  const dangling = filters.flag("dangling");
  const wrong = filters.all("type").find((value) => value !== "custom" && value !== "builtin");
  if (wrong !== undefined) throw fail("invalid", "api.invalid-filter", `invalid filter: 'type'='${wrong}'`);
  return (network) =>
    filters.exact("driver", network.driver === "none" ? "null" : network.driver) &&
    filters.any("id", (value) => network.id.startsWith(value)) &&
    filters.matches("name", network.name) &&
    filters.labels(network.labels) &&
    filters.exact("scope", "local") &&
    filters.exact("type", network.builtin ? "builtin" : "custom") &&
    (dangling === undefined ||
      dangling === (!network.builtin && backend.networks.endpointsOf(network.id).length === 0));
}
