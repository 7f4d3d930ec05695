import { errnoOf, fail, messageOf, toVirgaError, type VirgaError } from "../base/index.ts";
import { stat } from "node:fs/promises";
import { buildImage, pullImage } from "./apply-images.ts";
import type { Applying } from "./applying.ts";
import { createProgress, taskOf, type StackProgress } from "./stack-progress.ts";
import { runSteps } from "./run-steps.ts";
import { waitUntilReady } from "./readiness.ts";
import { instanceSpec } from "./service-container.ts";
import { conditionText, type Step } from "./step.ts";
import type { TargetService } from "./target.ts";

/** Carries steps out. Throws the first failure, with what to do next; what was done until then stays. */
export async function applySteps(
  applying: Applying,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<void> {
  using progress = createProgress(applying.report, steps, signal);
  await runSteps(
    steps,
    async (step, stepSignal) => {
      try {
        await progress.during(step, () => perform(applying, step, progress, stepSignal));
      } catch (error) {
        if (stepSignal.aborted) throw error;
        if (step.kind !== "wait" || step.required) throw placed(applying, step, error);
        applying.warn(`${step.service}: ${messageOf(error)} (it is not required)`);
      }
    },
    {
      signal,
      lane: (step) =>
        step.kind === "build-image"
          ? { name: "build", limit: 2 }
          : step.kind === "wait"
            ? { name: "wait", limit: 1000 }
            : { name: "change", limit: 8 },
    },
  );
}

/** The error with the part that it befell, and a next step where it has none. */
function placed({ project }: Applying, step: Step, thrown: unknown): VirgaError {
  const error = toVirgaError(thrown);
  const hint =
    error.hint ??
    `what was made stays: mend this and run up again, or take it down with: virga down -p ${project}`;
  const message = step.kind === "wait" ? error.message : `${taskOf(step)}: ${error.message}`;
  return fail(kindOf(error), error.code, message, { hint, cause: error });
}

/** The files were right as far as they could be checked before anything was changed; Dockerfiles are read later. */
function kindOf({ kind, code }: VirgaError): VirgaError["kind"] {
  const isAboutFile = code.startsWith("dockerfile.") || code.startsWith("stack.");
  return kind === "invalid" && !isAboutFile ? "precondition" : kind;
}

async function perform(
  applying: Applying,
  step: Step,
  progress: StackProgress,
  signal: AbortSignal,
): Promise<void> {
  const { containers, networks, volumes } = applying;
  switch (step.kind) {
    case "build-image":
      return await buildImage(applying, step.service, signal);
    case "pull-image":
      return await pullImage(applying, step.service, signal);
    case "create-network":
      await networks.create(step.network.spec);
      return;
    case "remove-network":
      return await networks.remove(step.name);
    case "create-volume":
      await volumes.create(step.volume.spec);
      return;
    case "create-container":
      await createInstance(applying, step);
      return;
    case "recreate-container":
      return await replace(applying, step);
    case "rename-container":
      return await containers.rename(step.old.id, step.name);
    case "start-container":
      return await unlessDone(containers.start(step.name));
    case "stop-container":
      return await stop(applying, step.old.id);
    case "remove-container":
      return await remove(applying, step.old.id);
    default:
      if (step.containers.some((name) => containers.get(name).health !== undefined)) {
        progress.now(step, `Waiting until it ${conditionText.service_healthy}`);
      }
      progress.tell(step, await ready(applying, step, signal));
  }
}

async function ready(
  applying: Applying,
  step: Step & { kind: "wait" },
  signal: AbortSignal,
): Promise<string> {
  try {
    return await waitUntilReady(applying, step.service, step.containers, step.condition, signal);
  } catch (thrown) {
    if (signal.aborted || step.condition === "running_or_healthy") throw thrown;
    const error = toVirgaError(thrown);
    const text = `dependency failed to start: ${error.message}`;
    const waited = `nothing that waits until ${step.service} ${conditionText[step.condition]} was started`;
    throw fail(error.kind, "stack.dependency-failed", text, {
      hint: error.hint ?? waited,
      cause: error,
    });
  }
}

/** Calls that find things already as asked are no failure: somebody else may work on the same containers. */
async function unlessDone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const { kind } = toVirgaError(error);
    if (kind !== "not-modified") throw error;
  }
}

async function stop({ containers, stopTimeout, warn }: Applying, id: string): Promise<void> {
  const options = stopTimeout === undefined ? {} : { timeout: stopTimeout };
  const stopping = async () => {
    const { name } = containers.get(id);
    const { explanation } = await containers.stop(id, options);
    if (!explanation) return;
    const { message, advice, signal, waitedSeconds } = explanation;
    const why = `${name} had to be killed, ${waitedSeconds} s after ${signal}: ${message}`;
    warn(`${why} (${advice[0]})`);
  };
  await unlessGone(unlessDone(stopping()));
}

async function remove(applying: Applying, id: string): Promise<void> {
  await stop(applying, id);
  await unlessGone(applying.containers.remove(id, { force: true, volumes: applying.removeVolumes ?? false }));
}

async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (toVirgaError(error).kind !== "not-found") throw error;
  }
}

type Creation = Pick<Step & { kind: "create-container" }, "service" | "number" | "name" | "inherit"> & {
  readonly temporaryName?: string;
};

async function createInstance(applying: Applying, creation: Creation): Promise<string> {
  const { containers, images, project } = applying;
  await writeFiles(applying, creation.service);
  const image = images.resolve(creation.service.image);
  const spec = instanceSpec(containers, { project, image, ...creation });
  const { container, warnings } = await containers.create(spec);
  for (const warning of warnings) applying.warn(`${creation.service.name}: ${warning}`);
  return container.id;
}

async function writeFiles({ files }: Applying, service: TargetService): Promise<void> {
  for (const file of service.files) {
    const isThere = await stat(file.path).then(
      () => true,
      (error: unknown) => {
        if (errnoOf(error) === "ENOENT") return false;
        throw error;
      },
    );
    // A file that is there is complete, and a container may have it mounted: it must stay the same inode.
    if (!isThere) await files.write(file);
  }
}

/**
 * A new container in an old one's place. The new one is made first, under another name, so that what is wrong with
 * it shows while the old one still runs; a crash at any point leaves something that the next `up` goes on from.
 */
async function replace(applying: Applying, step: Step & { kind: "recreate-container" }): Promise<void> {
  const { containers } = applying;
  const { old, service, number, name } = step;
  const creation = { service, number, name, inherit: old.anonymous };
  if (service.fixedAddress) {
    // Two containers cannot hold one address, not even for a moment.
    await stop(applying, old.id);
    await unlessGone(containers.remove(old.id, { force: true }));
    await createInstance(applying, creation);
    return;
  }
  await using undo = new AsyncDisposableStack();
  const id = await createInstance(applying, { ...creation, temporaryName: `${old.id.slice(0, 12)}_${name}` });
  undo.defer(() => containers.remove(id, { force: true }));
  await stop(applying, old.id);
  undo.move(); // from here on the old one is going, and the new one must stay
  await unlessGone(containers.remove(old.id, { force: true }));
  await containers.rename(id, name);
}
