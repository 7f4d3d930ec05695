import { isVirgaError } from "../../base/index.ts";
import type { Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";

/**
 * Tells of what a container takes with its start and gives back with its end, as Docker does: its volumes, and `host`
 * and `none`, which have no endpoints that could tell of themselves.
 */
export function announceUses(engine: Engine, entry: Entry, what: "taken" | "given back"): void {
  const { id, mounts, spec, endpoints } = entry.record.container;
  const mode = spec.network?.mode ?? "bridge";
  if (endpoints.length === 0 && (mode === "host" || mode === "none")) announceNetwork(engine, id, mode, what);
  for (const mount of mounts) {
    if (mount.type !== "volume") continue;
    const attributes = { driver: "local", container: id };
    if (what === "given back") engine.events.emit("volume", "unmount", mount.name, attributes);
    else {
      const how = { destination: mount.target, "read/write": String(!mount.readOnly), propagation: "" };
      engine.events.emit("volume", "mount", mount.name, { ...attributes, ...how });
    }
  }
}

function announceNetwork(
  engine: Engine,
  container: string,
  mode: string,
  what: "taken" | "given back",
): void {
  try {
    const network = engine.networks.resolve(mode);
    const type = network.driver === "none" ? "null" : network.driver;
    const action = what === "taken" ? "connect" : "disconnect";
    engine.events.emit("network", action, network.id, { container, name: network.name, type });
  } catch (error) {
    if (!isVirgaError(error, "not-found")) throw error;
  }
}
