import type { Progress } from "../../../base/index.ts";
import type { BuildEvent, BuildStep, LintWarning } from "../../../builds/index.ts";
import { inBuildkitsWords, type ShownDockerfile } from "./build-error.ts";
import { digestOf, type SolveProgress, type ProgressVertex } from "./progress.ts";

/**
 * Shows a build's steps as vertices. Steps that set configuration only are not shown, as BuildKit does not. `platform`:
 * one of several that the solve builds for.
 */
export function showBuild(progress: SolveProgress, dockerfile: ShownDockerfile, platform?: string) {
  const digest = (id: string) => (platform === undefined ? id : digestOf(`${platform} ${id}`));
  const nameOf = ({ name }: BuildStep) => {
    if (platform === undefined) return name;
    return name.startsWith("[") ? `[${platform} ${name.slice(1)}` : `[${platform}] ${name}`;
  };
  const open = new Map<string, ProgressVertex>();
  const begin = (step: BuildStep, at: Date) => {
    open.set(
      step.id,
      progress.vertex({ digest: digest(step.id), name: nameOf(step), inputs: step.inputs.map(digest), at }),
    );
  };
  // The result is exported by us, and shown so.
  const isShown = (step: BuildStep) => !step.setting && step.kind !== "export";
  return (event: BuildEvent): void => {
    if (event.kind === "warning") return progress.send({ warnings: [warningOf(event, dockerfile)] });
    if (event.kind === "planned") {
      const shown = event.steps.filter(isShown);
      const vertexOf = (step: BuildStep) => {
        return { digest: digest(step.id), name: nameOf(step), inputs: step.inputs.map(digest) };
      };
      return progress.announce(shown.map(vertexOf));
    }
    const { step } = event;
    if (event.kind === "started") {
      if (isShown(step)) begin(step, event.at);
      return;
    }
    const vertex = open.get(step.id);
    if (vertex === undefined) return;
    if (event.kind === "output") vertex.log(event.stream, event.text);
    if (event.kind === "progress") showProgress(vertex, event.progress);
    if (event.kind === "finished") {
      const { cached, error, at } = event;
      vertex.complete({ cached, at, ...(error === undefined ? {} : { error: inBuildkitsWords(error) }) });
      open.delete(step.id);
    }
  };
}

function showProgress(
  vertex: ProgressVertex,
  { task, message, current, total, outcome, output }: Progress,
): void {
  if (output !== undefined) vertex.log("stdout", output);
  vertex.status(`${message} ${task}`, {
    done: outcome !== undefined,
    ...(current === undefined ? {} : { current }),
    ...(total === undefined ? {} : { total }),
  });
}

function warningOf(
  { text, lint, step }: { readonly text: string; readonly lint?: LintWarning; readonly step?: BuildStep },
  dockerfile: ShownDockerfile,
) {
  const vertex = step?.id ?? "";
  if (!lint) return { vertex, level: 1, short: Buffer.from(text) };
  const { rule, message, description, url, start, end } = lint;
  return {
    vertex,
    level: 1,
    short: Buffer.from(`${rule}: ${message} (line ${start})`),
    detail: [Buffer.from(description)],
    url,
    info: { filename: dockerfile.name, data: Buffer.from(dockerfile.text), language: "Dockerfile" },
    ranges: [{ start: { line: start }, end: { line: end } }],
  };
}
