import { fail, isVirgaError, messageOf, toVirgaError } from "../../base/index.ts";
import { removeTree } from "../../host/index.ts";
import type { Endpoint } from "../../networks/index.ts";
import { emit, setStatus, type Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";
import { exitCodeOf, isActive } from "../state.ts";
import { forgetTask } from "./task.ts";

export interface RemoveOptions {
  readonly volumes?: boolean;
}

/**
 * Removes a container that does not run; the caller holds its lock. The state `removing` is written first, so that a
 * crash half-way is finished by `recover`. A failure leaves it `dead`: everything can be tried again.
 */
export async function removeStopped(engine: Engine, entry: Entry, options: RemoveOptions): Promise<void> {
  const { record } = entry;
  const { container } = record;
  if (isActive(container.state)) throw stillRunning(container);
  const exitCode = exitCodeOf(container.state);
  entry.record = { ...record, takesVolumes: options.volumes ?? false };
  setStatus(engine, entry, { state: { status: "removing" } });
  try {
    await takeAway(engine, entry);
  } catch (error) {
    setStatus(engine, entry, { state: { status: "dead", error: messageOf(error) } });
    throw error;
  }
  if (options.volumes) await removeAnonymousVolumes(engine, entry);
  engine.store.delete(container.id);
  engine.registry.remove(container.id);
  engine.execs.forget(container.id);
  for (const dock of entry.docked) dock.bind(undefined);
  emit(engine, entry, "destroy");
  if (container.spec.autoRemove) engine.waits.remember(container.id, { exitCode });
  engine.waits.removed(container.id, { exitCode });
}

export function stillRunning(container: { readonly id: string; readonly name: string }): Error {
  return fail(
    "conflict",
    "container.running",
    `cannot remove container "/${container.name}": container is running: ` +
      "stop the container before removing or force remove",
    { hint: `virga stop ${container.name}, or virga rm --force ${container.name}` },
  );
}

async function takeAway(engine: Engine, entry: Entry): Promise<void> {
  const { record } = entry;
  const { container } = record;
  const results = await Promise.allSettled([
    ...container.endpoints.map((endpoint) => releaseEndpoint(engine, endpoint)),
    forgetTask(engine, entry),
    engine.rootfs.evict(record),
  ]);
  for (const result of results) if (result.status === "rejected") throw result.reason as Error;
  await removeTree(container.folder, { within: engine.identity.path("containers") });
}

/** Released already when a removal is being finished after a crash; still plugged in when its detaching failed. */
async function releaseEndpoint(engine: Engine, endpoint: Endpoint): Promise<void> {
  try {
    await engine.networks.release(endpoint.id);
  } catch (error) {
    if (isVirgaError(error, "not-found")) return;
    if (!isVirgaError(error, "conflict")) throw error;
    await engine.networks.detach({ containerId: endpoint.containerId, pid: 0 }, [endpoint]);
    await engine.networks.release(endpoint.id);
  }
}

/** Other containers may have them too, by `volumesFrom`: then they stay. */
async function removeAnonymousVolumes(engine: Engine, entry: Entry): Promise<void> {
  for (const mount of entry.record.container.mounts) {
    if (mount.type !== "volume" || !mount.anonymous) continue;
    try {
      await engine.volumes.remove(mount.name, true);
    } catch (error) {
      if (isVirgaError(error, "conflict") || isVirgaError(error, "not-found")) continue;
      engine.logger.warn("an anonymous volume could not be removed", { error: toVirgaError(error) });
    }
  }
}
