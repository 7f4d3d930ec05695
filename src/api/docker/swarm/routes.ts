import { fail } from "../../../base/index.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { readFilters } from "../http/filters.ts";
import { managerEndpoints, pluginEndpoints } from "./endpoints.ts";
import { notAManager } from "./not-a-manager.ts";

/** Everything that Docker's swarm mode has: answered as by a Docker that is in no swarm. Plugins: there are none. */
export function swarmRoutes(): ApiRouter {
  const routes = createRouter();
  for (const key of Object.keys(managerEndpoints)) register(routes, key, refuseManager);
  routes.post("/swarm/init", refuseSwarm);
  routes.post("/swarm/join", refuseSwarm);
  routes.post("/swarm/leave", () => {
    throw fail("unavailable", "api.not-a-manager", "This node is not part of a swarm");
  });
  routes.post("/swarm/unlock", () => {
    throw fail("conflict", "api.swarm", "swarm is not locked");
  });
  routes.get("/plugins", (c) => {
    readFilters(c, ["capability", "enabled"]);
    return c.json([]);
  });
  routes.get("/plugins/privileges", refusePlugins);
  for (const path of ["/plugins/pull", "/plugins/create"]) routes.post(path, refusePlugins);
  for (const key of Object.keys(pluginEndpoints)) register(routes, key, noSuchPlugin);
  return routes;
}

/** `key` is one of the tables': `GET /nodes/{id}`. Names of plugins have slashes in them. */
function register(routes: ApiRouter, key: string, handler: (c: ApiContext) => never): void {
  const [method = "", path = ""] = key.split(" ");
  routes.on(method, path.replaceAll("{name}", ":name{.+}").replaceAll("{id}", ":id"), handler);
}

function noSuchPlugin(c: ApiContext): never {
  throw fail("not-found", "plugin.not-found", `plugin "${pathParameter(c, "name")}" not found`);
}

function refuseSwarm(): never {
  throw fail("unimplemented", "api.swarm", "swarm mode is not supported");
}

function refusePlugins(): never {
  throw fail("unimplemented", "api.plugins", "plugins are not supported");
}

function refuseManager(): never {
  throw notAManager();
}
