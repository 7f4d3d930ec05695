import type { BuildEvent } from "./build-event.ts";
import type { BuildRequest } from "./build.ts";
import type { BuildsDependencies } from "./build-run.ts";
import { openContext, type OpenContext } from "./context/context.ts";
import { refuseForeignFrontend } from "./dockerfile/frontend.ts";
import { parseDockerfile, type Dockerfile } from "./dockerfile/parse.ts";
import { planBuild, type BuildPlan } from "./evaluation/plan.ts";
import { platformArgs, platformOf } from "./evaluation/platform.ts";
import { globalArguments, type GlobalArguments } from "./evaluation/variables.ts";
import { lintDockerfile, type Lint } from "./lint/lint.ts";
import { formatLint, type LintWarning } from "./lint/warning.ts";

/** A build as it is known before anything is done. */
export interface ReadBuild {
  readonly context: OpenContext;
  readonly dockerfile: Dockerfile;
  readonly global: GlobalArguments;
  readonly plan: BuildPlan;
}

/** Opens the context (in `folder`, when it is no folder of this machine) and reads the Dockerfile. */
export async function readBuild(
  services: BuildsDependencies,
  request: BuildRequest,
  folder: string,
  signal: AbortSignal,
): Promise<ReadBuild> {
  const context = await openContext(services, request, folder, signal);
  const dockerfile = parseDockerfile(context.dockerfile.text, context.dockerfile.name);
  refuseForeignFrontend(dockerfile.syntax, request.buildArgs?.["BUILDKIT_SYNTAX"]);
  const global = globalArguments(dockerfile.args, passedOf(request), automaticOf(request), dockerfile.escape);
  const plan = planBuild(dockerfile, request.target, global, Object.keys(request.contexts ?? {}));
  return { context, dockerfile, global, plan };
}

/** The build checks of `stages`. */
export function lintBuild(
  { images }: Pick<BuildsDependencies, "images">,
  request: BuildRequest,
  { context, dockerfile, global, plan }: ReadBuild,
  stages: readonly number[],
): Lint {
  const automatic = automaticOf(request);
  const { ignore } = context.tree;
  const resolve = (reference: string) => images.resolve(reference);
  return lintDockerfile({ dockerfile, plan, stages, global, automatic, ignore, resolve });
}

/** Tells what checks found, but not twice. */
export function lintReporter(emit: (event: BuildEvent) => void): (warnings: readonly LintWarning[]) => void {
  const told = new Set<string>();
  return (warnings) => {
    for (const lint of warnings) {
      const text = formatLint(lint);
      if (!told.has(text)) emit({ kind: "warning", text, lint });
      told.add(text);
    }
  };
}

function passedOf({ buildArgs = {} }: BuildRequest): Map<string, string> {
  return new Map(
    Object.entries(buildArgs).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  );
}

function automaticOf({ platform, target }: BuildRequest): Readonly<Record<string, string>> {
  return platformArgs(platformOf(platform), target ?? "default");
}
