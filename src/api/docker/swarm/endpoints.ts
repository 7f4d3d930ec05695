import type { EndpointTable } from "../http/endpoint.ts";
import { refused, type FieldTable } from "../http/fields.ts";

/** What Docker answers about the cluster of a machine that is in none. */
const notManager = "this machine is no swarm manager";

function refusing(why: string, endpoints: Readonly<Record<string, readonly string[]>>): EndpointTable {
  return Object.fromEntries(
    Object.entries(endpoints).map(([key, parameters]) => {
      const query: FieldTable = Object.fromEntries(parameters.map((name) => [name, refused]));
      return [key, parameters.length > 0 ? { refused: why, query } : { refused: why }];
    }),
  );
}

const logQuery = ["details", "follow", "stdout", "stderr", "since", "timestamps", "tail"];

/** Answered with 503, as by a Docker that is in no swarm. */
export const managerEndpoints = refusing(notManager, {
  "GET /swarm": [],
  "POST /swarm/update": ["version", "rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"],
  "GET /swarm/unlockkey": [],
  "GET /nodes": ["filters"],
  "GET /nodes/{id}": [],
  "DELETE /nodes/{id}": ["force"],
  "POST /nodes/{id}/update": ["version"],
  "GET /services": ["filters", "status"],
  "POST /services/create": [],
  "GET /services/{id}": ["insertDefaults"],
  "DELETE /services/{id}": [],
  "POST /services/{id}/update": ["version", "registryAuthFrom", "rollback"],
  "GET /services/{id}/logs": logQuery,
  "GET /tasks": ["filters"],
  "GET /tasks/{id}": [],
  "GET /tasks/{id}/logs": logQuery,
  "GET /secrets": ["filters"],
  "POST /secrets/create": [],
  "GET /secrets/{id}": [],
  "DELETE /secrets/{id}": [],
  "POST /secrets/{id}/update": ["version"],
  "GET /configs": ["filters"],
  "POST /configs/create": [],
  "GET /configs/{id}": [],
  "DELETE /configs/{id}": [],
  "POST /configs/{id}/update": ["version"],
});

/** Answered with 404: there is no plugin of that name. */
export const pluginEndpoints = refusing("there are no plugins", {
  "GET /plugins/{name}/json": [],
  "DELETE /plugins/{name}": ["force"],
  "POST /plugins/{name}/enable": ["timeout"],
  "POST /plugins/{name}/disable": ["force"],
  "POST /plugins/{name}/upgrade": ["remote"],
  "POST /plugins/{name}/push": [],
  "POST /plugins/{name}/set": [],
});

export const swarmEndpoints: EndpointTable = {
  ...managerEndpoints,
  ...pluginEndpoints,
  ...refusing("swarm mode is not supported", {
    "POST /swarm/init": [],
    "POST /swarm/join": [],
  }),
  "POST /swarm/leave": { refused: "this machine is part of no swarm", query: { force: refused } },
  "POST /swarm/unlock": { refused: "there is no swarm that is locked" },
  "GET /plugins": { query: { filters: { support: "no-effect", why: "there are no plugins" } } },
  ...refusing("plugins are not supported", {
    "GET /plugins/privileges": ["remote"],
    "POST /plugins/pull": ["remote", "name"],
    "POST /plugins/create": ["name"],
  }),
};
