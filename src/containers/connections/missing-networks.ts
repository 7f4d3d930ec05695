import { isVirgaError } from "../../base/index.ts";
import type { Endpoint, Networks } from "../../networks/index.ts";
import type { Container } from "../container.ts";
import type { Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";
import { byPriority, endpointSpecs, networkMode, reserveEndpoints } from "./network-mode.ts";

/** As with Docker, a container can be made before its networks are: they are looked up when it starts. */
export function splitMissing(
  names: readonly string[],
  networks: Pick<Networks, "resolve">,
): { readonly present: readonly string[]; readonly missing: readonly string[] } {
  const missing = names.filter((name) => idOf(name, networks) === undefined);
  return { present: names.filter((name) => !missing.includes(name)), missing };
}

/**
 * Reserves an address on each network that was not there when the container was made; and, of one that never ran, on those that
 * were removed and made anew. Throws `not-found` / `network.not-found`.
 */
export async function joinMissingNetworks(engine: Engine, entry: Entry): Promise<void> {
  const { container } = entry.record;
  const mode = networkMode(container.spec.network);
  if (mode.kind !== "own") return;
  const kept = container.endpoints.filter(({ networkId }) => isStillThere(networkId, engine.networks));
  const names = namesToJoin(engine, container, mode.networks, kept);
  if (names.length === 0) return;
  await using undo = new AsyncDisposableStack();
  const specs = endpointSpecs(container, names, engine.networks);
  const added = await reserveEndpoints(engine.networks, specs, undo);
  const order = mode.networks.map((name) => idOf(name, engine.networks));
  const place = ({ networkId }: Endpoint) =>
    (order.indexOf(networkId) + order.length + 1) % (order.length + 1);
  const all = [...kept, ...added].toSorted((a, b) => place(a) - place(b));
  const endpoints = byPriority(all, container.spec.network?.endpoints ?? {}, engine.networks);
  const { missingNetworks: _joined, ...rest } = container;
  const record = { ...entry.record, container: { ...rest, endpoints } };
  engine.store.save(record);
  entry.record = record;
  undo.move();
}

function namesToJoin(
  { networks }: Engine,
  { endpoints, missingNetworks = [], state }: Container,
  asked: readonly string[],
  kept: readonly Endpoint[],
): readonly string[] {
  const removed = state.status === "created" && kept.length < endpoints.length;
  if (!removed) return missingNetworks;
  return asked.filter((name) => !kept.some(({ networkId }) => networkId === idOf(name, networks)));
}

function isStillThere(networkId: string, networks: Pick<Networks, "resolve">): boolean {
  return idOf(networkId, networks) !== undefined;
}

function idOf(name: string, networks: Pick<Networks, "resolve">): string | undefined {
  try {
    return networks.resolve(name).id;
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}
