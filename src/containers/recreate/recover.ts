import type { Engine } from "../engine.ts";
import { withDefinition } from "../record.ts";
import type { Entry } from "../registry.ts";
import type { ContainerState } from "../container.ts";
import { forgetAside, takeBackAside } from "./aside.ts";

/** A change that the daemon died in. */
export type UnfinishedChange = ReturnType<Engine["store"]["unfinishedChanges"]>[number];

/**
 * At the daemon's start, once all ends are handled: a container that runs has been changed, or not been touched yet.
 * Another one becomes again what it was, and is started if it ran.
 */
export async function finishChange(engine: Engine, entry: Entry, change: UnfinishedChange): Promise<void> {
  const { container } = entry.record;
  if (container.state.status === "running") {
    engine.store.forgetVolumes(container.id);
    engine.store.endChange(container.id);
    return await forgetAside(engine, entry.record);
  }
  await takeBackAside(engine, entry.record);
  const before = withDefinition(entry.record, change.definition);
  const state = change.runs ? startsAgain(engine, container.state) : container.state;
  const record = { ...before, container: { ...before.container, state } };
  engine.state.transaction(() => {
    engine.store.save(record);
    engine.store.endChange(container.id);
  });
  entry.record = record;
  engine.logger.warn("a container whose change was cut short is as it was before", {
    container: container.id,
  });
}

function startsAgain(engine: Engine, state: ContainerState): ContainerState {
  const now = engine.clock.now();
  const ended = state.status === "exited" || state.status === "restarting" ? state : undefined;
  const { startedAt = now, finishedAt = now, exitCode = 0 } = ended ?? {};
  return { status: "restarting", startedAt, finishedAt, exitCode };
}
