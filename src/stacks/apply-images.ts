import { readFile } from "node:fs/promises";
import { fail, messageOf, VirgaError } from "../base/index.ts";
import type { BuildEvent, BuildRequest } from "../builds/index.ts";
import { pullSummary } from "../images/index.ts";
import type { Applying } from "./applying.ts";
import type { TargetService } from "./target.ts";

/** Builds a service's image; steps and output go to the report under `image NAME`. */
export async function buildImage(
  applying: Applying,
  service: TargetService,
  signal: AbortSignal,
): Promise<void> {
  const { source } = service;
  if (source.kind !== "build") return;
  const request: BuildRequest =
    source.dockerfile === undefined
      ? source.request
      : { ...source.request, dockerfileText: await readDockerfile(service.name, source.dockerfile) };
  const task = `image ${service.image}`;
  let step = "a step";
  const build = applying.builds.build(request, {
    signal,
    report: pullSummary(task, applying.report),
    ...(applying.credentials ? { credentials: applying.credentials } : {}),
    onEvent(event) {
      if (event.kind === "step") step = `step ${event.number}/${event.total}, ${shortened(event.text)},`;
      tellBuild(applying, task, event);
    },
  });
  const { warnings } = await build.catch((error: unknown) => {
    throw stepFailure(step, error);
  });
  for (const warning of warnings) applying.warn(`${service.name}: ${warning}`);
}

/** Docker's text of a failed step repeats the whole command; a reader knows it by its beginning. */
function stepFailure(step: string, error: unknown): unknown {
  if (!(error instanceof VirgaError) || error.code !== "build.step-failed") return error;
  const exitCode = /\d+$/.exec(error.message)?.[0] ?? "unknown";
  const { kind, code, hint } = error;
  const detail = hint === undefined ? { cause: error } : { hint, cause: error };
  return fail(kind, code, `${step} ended with exit code ${exitCode}`, detail);
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function tellBuild({ report }: Applying, task: string, event: BuildEvent): void {
  if (event.kind === "step") {
    const cached = event.cached ? "(cached) " : "";
    const { number: current, total } = event;
    report({ task, message: `${cached}${event.text}`, current, total, unit: "items" });
  } else if (event.kind === "output") {
    report({ task, message: "Building", output: event.text });
  }
}

async function readDockerfile(service: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw fail(
      "invalid",
      "stack.dockerfile-missing",
      `service '${service}': the Dockerfile ${path} cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Gets a service's image by its pull policy. */
export async function pullImage(
  applying: Applying,
  service: TargetService,
  signal: AbortSignal,
): Promise<void> {
  const { source, image } = service;
  if (source.kind !== "pull") return;
  const { policy, platform } = source;
  const task = `image ${image}`;
  await applying.images.ensure(image, {
    policy,
    report: pullSummary(task, applying.report),
    signal,
    ...(applying.credentials ? { credentials: applying.credentials } : {}),
    ...(platform === undefined ? {} : { platform }),
  });
}
