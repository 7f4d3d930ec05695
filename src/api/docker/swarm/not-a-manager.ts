import { fail } from "../../../base/index.ts";

/** What Docker says of all that needs a swarm, on a machine that is in none. */
export function notAManager(): Error {
  return fail(
    "unavailable",
    "api.not-a-manager",
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}
