import { errorKinds, fail, type Progress } from "../base/index.ts";
import { jsonLines, type ProgressLine } from "../api/client/docker/index.ts";

/**
 * Shows the lines of a pull, push, load or import on stderr, and returns those that are no progress. A line that tells
 * of an error is thrown.
 */
export async function showProgress(
  response: Response,
  options: { readonly quiet?: boolean; readonly signal?: AbortSignal } = {},
): Promise<readonly ProgressLine[]> {
  const { createProgressView } = await import("./progress.ts");
  using view = options.quiet === true ? undefined : await createProgressView();
  const others: ProgressLine[] = [];
  const tasks = new Map<string, Progress>();
  try {
    for await (const line of jsonLines<ProgressLine>(response, options.signal)) {
      if (line.error !== undefined) throw lineError(line);
      const progress = progressOf(line);
      if (progress === undefined) others.push(line);
      else {
        tasks.set(progress.task, progress);
        view?.show(progress);
      }
    }
  } catch (error) {
    endAll(tasks, "failed", (progress) => view?.show(progress));
    throw error;
  }
  endAll(tasks, "done", (progress) => view?.show(progress));
  return others;
}

function lineError({ error, errorDetail = {} }: ProgressLine): Error {
  const kind = errorKinds.find((one) => one === errorDetail.kind) ?? "unavailable";
  const text = errorDetail.message ?? error ?? "it failed";
  const { code = "image.transfer-failed", hint } = errorDetail;
  return fail(kind, String(code), text, hint === undefined ? {} : { hint });
}

const lastWords = new Set(["Pull complete", "Already exists", "Pushed", "Layer already exists", "Loaded"]);

function progressOf(line: ProgressLine): Progress | undefined {
  const { id, status, progressDetail } = line;
  if (id === undefined || status === undefined || status.startsWith("Pulling from")) return undefined;
  const { current, total } = progressDetail ?? {};
  return {
    task: id,
    message: status,
    ...(current === undefined ? {} : { current, unit: "bytes" as const }),
    ...(current === undefined || total === undefined ? {} : { total }),
    ...(lastWords.has(status) ? { outcome: "done" as const } : {}),
  };
}

function endAll(
  tasks: ReadonlyMap<string, Progress>,
  outcome: "done" | "failed",
  show: (progress: Progress) => void,
): void {
  for (const { task, message, outcome: ended } of tasks.values()) {
    if (ended === undefined) show({ task, message, outcome });
  }
}
