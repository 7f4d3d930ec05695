import { readFile } from "node:fs/promises";
import { fail, messageOf, type VirgaError } from "../base/index.ts";
import { failureOf, stageReport, type BuildEvent, type BuildRequest } from "../builds/index.ts";
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
  let failed = "a step";
  const noteFailure = (event: BuildEvent) => {
    if (event.kind !== "finished" || event.error === undefined || failed !== "a step") return;
    const { number, total, text } = event.step;
    failed = `step ${number}/${total}, ${shortened(text)},`;
  };
  const pulled = pullSummary(task, applying.report);
  const tell = stageReport(task, applying.report);
  const build = applying.builds.build(request, {
    signal,
    ...(applying.credentials ? { credentials: applying.credentials } : {}),
    onEvent(event) {
      noteFailure(event);
      if (event.kind === "progress") pulled(event.progress);
      else tell(event);
    },
  });
  const { warnings } = await build.catch((error: unknown) => {
    throw stepFailure(failed, error);
  });
  for (const warning of warnings) applying.warn(`${service.name}: ${warning}`);
}

/** Docker's text of a failed step repeats the whole command; a reader knows it by its beginning and its last words. */
function stepFailure(step: string, error: unknown): unknown {
  const failure = failureOf(error);
  if (!failure) return error;
  const { kind, code, hint } = error as VirgaError;
  const detail = hint === undefined ? { cause: error } : { hint, cause: error };
  const said = failure.output.map((line) => `\n  | ${line}`).join("");
  return fail(kind, code, `${step} ended with exit code ${failure.exitCode}${said}`, detail);
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
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
