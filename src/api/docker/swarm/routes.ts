import { fail } from "../../../base/index.ts";
import { createRouter, type ApiRouter } from "../http/context.ts";

const managerOnly = ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"];

/** Everything that Docker's swarm mode has: answered as by a Docker that is in no swarm. Plugins: there are none. */
export function swarmRoutes(): ApiRouter {
  const routes = createRouter();
  routes.post("/swarm/init", refuseSwarm);
  routes.post("/swarm/join", refuseSwarm);
  routes.post("/swarm/leave", () => {
    throw fail("unavailable", "api.not-a-manager", "This node is not part of a swarm");
  });
  for (const path of managerOnly) {
    routes.all(path, notAManager);
    routes.all(`${path}/*`, notAManager);
  }
  routes.get("/plugins", (c) => c.json([]));
  routes.get("/plugins/privileges", refusePlugins);
  for (const path of ["/plugins/pull", "/plugins/create"]) routes.post(path, refusePlugins);
  routes.all("/plugins/:name{.+}", (c) => {
    const name = (c.req.param("name") ?? "").replace(/\/(json|enable|disable|upgrade|push|set)$/, "");
    throw fail("not-found", "plugin.not-found", `plugin "${name}" not found`);
  });
  return routes;
}

function refuseSwarm(): never {
  throw fail("unimplemented", "api.swarm", "swarm mode is not supported");
}

function refusePlugins(): never {
  throw fail("unimplemented", "api.plugins", "plugins are not supported");
}

function notAManager(): never {
  throw fail(
    "unavailable",
    "api.not-a-manager",
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}
