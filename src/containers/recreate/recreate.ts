import { fail, toVirgaError } from "../../base/index.ts";
import type { Stopped } from "../container.ts";
import { emit, exclusively, type Engine } from "../engine.ts";
import { halt } from "../lifecycle/lifecycle.ts";
import { resolveMounts, sortMounts } from "../files/mounts.ts";
import type { ContainerRecord } from "../record.ts";
import { setContainer, type Entry } from "../registry.ts";
import { startContainer } from "../lifecycle/start.ts";
import { isActive, refuseGoing } from "../state.ts";
import { updateContainer } from "../lifecycle/update.ts";
import { forgetAside, putAside, takeBackAside } from "./aside.ts";
import { describePlan, targetOf, type Target } from "./plan.ts";
import type { Changed, ChangeOptions, ChangePlan, ContainerChange } from "./request.ts";

export async function planChange(
  engine: Engine,
  entry: Entry,
  change: ContainerChange,
  options: ChangeOptions,
): Promise<ChangePlan> {
  return await describePlan(engine, entry, targetOf(engine, entry, change), options.timeout);
}

/**
 * Makes a container another one in its place: what can be checked is checked first, then it is ended, its definition
 * replaced and it is started again. A note in the database says what it was until it runs: when the start fails, or
 * the daemon dies on the way, it is what it was, and runs if it did.
 */
export async function recreate(
  engine: Engine,
  entry: Entry,
  change: ContainerChange,
  options: ChangeOptions,
): Promise<Changed & Stopped> {
  if (entry.changing) {
    throw fail("conflict", "container.changing", `container ${entry.record.container.name} is being changed`);
  }
  entry.changing = true;
  try {
    const target = targetOf(engine, entry, change);
    const plan = await describePlan(engine, entry, target, options.timeout);
    const done = { ...plan, downtimeMs: 0, warnings: target.warnings };
    if (plan.how === "nothing") return done;
    if (plan.how !== "live") return { ...done, ...(await replace(engine, entry, target, options)) };
    const { resources, restart } = change;
    const update = { ...(resources ? { resources } : {}), ...(restart ? { restart } : {}) };
    await exclusively(engine, entry, () => updateContainer(engine, entry, update));
    return done;
  } finally {
    entry.changing = false;
  }
}

async function replace(
  engine: Engine,
  entry: Entry,
  target: Target,
  options: ChangeOptions,
): Promise<Stopped & { readonly downtimeMs: number }> {
  const { id } = entry.record.container;
  await using undo = new AsyncDisposableStack();
  entry.claims = target.mounts.wanted.flatMap((one) => (one.type === "volume" ? [one.name!] : []));
  undo.defer(() => void (entry.claims = []));
  engine.store.planVolumes(id, [...target.mounts.anonymous]);
  undo.defer(() => engine.store.forgetVolumes(id));
  await using made = new AsyncDisposableStack();
  const added = await resolveMounts(target.mounts, engine.volumes, made);
  const mounts = sortMounts([...target.kept, ...added]);
  const runs = isActive(entry.record.container.state);
  engine.store.beginChange(entry.record, runs);
  undo.defer(() => engine.store.endChange(id));
  const began = engine.clock.now().getTime();
  const stopped = await replaceStopped(engine, entry, { ...target, mounts }, runs, options);
  made.move();
  const downtimeMs = runs ? engine.clock.now().getTime() - began : 0;
  return { ...stopped, downtimeMs };
}

type Resolved = Omit<Target, "mounts"> & { readonly mounts: ContainerRecord["container"]["mounts"] };

/** Ends it, as often as somebody else starts it meanwhile, and makes it the other one. */
async function replaceStopped(
  engine: Engine,
  entry: Entry,
  target: Resolved,
  runs: boolean,
  options: ChangeOptions,
): Promise<Stopped> {
  let stopped: Stopped = {};
  for (;;) {
    stopped = (await halt(engine, entry, "restart", options)) ?? stopped;
    const done = await exclusively(engine, entry, async () => {
      if (isActive(entry.record.container.state)) return false;
      refuseGoing(entry.record.container.state);
      await become(engine, entry, target, runs);
      return true;
    });
    if (done) return stopped;
  }
}

/** The caller holds the lock. */
async function become(engine: Engine, entry: Entry, target: Resolved, runs: boolean): Promise<void> {
  const before = entry.record;
  const { spec, process, imageId, mounts, layers } = target;
  const { container } = before;
  const keepsFiles = Bun.deepEquals(layers, before.layers);
  try {
    if (!keepsFiles) await putAside(engine, before);
    const after = {
      ...before,
      layers,
      // As a new one: volumes that are still empty are filled at its start.
      container: { ...container, spec, process, imageId, mounts, state: { status: "created" as const } },
    };
    engine.store.save(after);
    entry.record = after;
    entry.backoffMs = 0;
    entry.restartReason = undefined;
    setContainer(entry, { restartCount: 0 });
    if (runs) await startContainer(engine, entry);
  } catch (error) {
    throw await putBack(engine, entry, before, runs, error);
  }
  await forgetAside(engine, entry.record);
  emit(engine, entry, "update");
}

/** What it was, it is again, and runs if it did. Returns the error to be thrown. */
async function putBack(
  engine: Engine,
  entry: Entry,
  before: ContainerRecord,
  runs: boolean,
  why: unknown,
): Promise<Error> {
  const { kind, code, message, hint } = toVirgaError(why);
  const name = before.container.name;
  const detail = { cause: why, ...(hint === undefined ? {} : { hint }) };
  try {
    await takeBackAside(engine, before);
    engine.store.save(before);
    entry.record = before;
    if (runs) await startContainer(engine, entry);
  } catch (error) {
    const again = toVirgaError(error).message;
    const text = `${name} could not be changed: ${message}; it is as it was, but does not start: ${again}`;
    return fail(kind, code, text, detail);
  }
  return fail(kind, code, `${name} could not be changed: ${message}; it is as it was`, detail);
}
