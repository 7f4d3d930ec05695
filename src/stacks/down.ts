import { isVirgaError, messageOf, type Report } from "../base/index.ts";
import { familiar, type Images } from "../images/index.ts";
import type { Networks } from "../networks/index.ts";
import type { Volumes } from "../volumes/index.ts";
import { applySteps } from "./apply.ts";
import type { Applying } from "./applying.ts";
import type { Current, CurrentContainer } from "./current.ts";
import { stackLabels } from "./labels.ts";
import type { DownOptions } from "./stack.ts";
import type { Step } from "./step.ts";

/** Stops and removes containers, each after those that depend on it; all at once where nothing is said. Pure. */
export function planRemovals(containers: readonly CurrentContainer[], reason: string): Step[] {
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    containers
      .filter((one) => one.service === from)
      .flatMap((one) => one.dependsOn)
      .some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
  return containers.map((old) => {
    const dependents = containers.filter(
      // Labels may tell of a circle (two versions of a file); then neither waits for the other.
      (one) =>
        one.service !== old.service &&
        one.dependsOn.includes(old.service) &&
        !reaches(old.service, one.service),
    );
    const after = dependents.map((one) => `remove ${one.id}`);
    return { id: `remove ${old.id}`, after, kind: "remove-container", old, reason };
  });
}

export interface TakingDown extends Applying {
  readonly networks: Pick<Networks, "create" | "remove" | "list">;
  readonly volumes: Pick<Volumes, "create" | "remove" | "list">;
  readonly images: Pick<Images, "resolve" | "ensure" | "remove" | "list">;
}

/** What belongs to a stack goes: containers, then networks and, as `options` say, volumes and images. */
export async function takeDown(
  applying: TakingDown,
  current: Current,
  leaving: readonly CurrentContainer[],
  options: DownOptions,
  signal: AbortSignal,
): Promise<void> {
  const { project } = applying;
  const used = imagesOf(applying, leaving, options);
  await applySteps(applying, planRemovals(leaving, "down"), signal);
  const isOurs = (part: { readonly labels: Readonly<Record<string, string>> }) =>
    part.labels[stackLabels.project] === project;
  await removeEach(applying.report, "network", current.networks.filter(isOurs), signal, (one) =>
    applying.networks.remove(one),
  );
  if (options.volumes) {
    const anonymous = leaving.flatMap((one) => one.anonymous.map(({ volume }) => ({ name: volume })));
    const volumes = [...current.volumes.filter(isOurs), ...anonymous];
    await removeEach(applying.report, "volume", volumes, signal, (one) => applying.volumes.remove(one, true));
  }
  const images = used.map((name) => ({ name }));
  await removeEach(
    applying.report,
    "image",
    images,
    signal,
    async (one) => void (await applying.images.remove(one)),
    applying.warn,
  );
}

/** `local`: images that were built for the stack and have no name of their own; `all`: whatever its services use. */
function imagesOf(
  applying: TakingDown,
  leaving: readonly CurrentContainer[],
  options: DownOptions,
): string[] {
  if (options.images === undefined) return [];
  const { project, containers, images } = applying;
  const names = new Set<string>();
  for (const image of options.images === "local" ? images.list() : []) {
    const labels = image.config.config?.Labels ?? {};
    const service = labels[stackLabels.service];
    if (labels[stackLabels.project] !== project || service === undefined) continue;
    const own = image.references.find((reference) => reference.endsWith(`/${project}-${service}:latest`));
    if (own !== undefined) names.add(own);
  }
  for (const { id } of options.images === "all" ? leaving : []) names.add(containers.get(id).spec.image);
  return [...names];
}

/** With `warn`, what is still in use elsewhere stays, and a warning says so. */
async function removeEach(
  report: Report,
  kind: string,
  parts: readonly { readonly name: string }[],
  signal: AbortSignal,
  remove: (name: string) => Promise<void>,
  warn?: (message: string) => void,
): Promise<void> {
  for (const { name } of parts) {
    signal.throwIfAborted();
    const task = `${kind} ${kind === "image" ? familiar(name) : name}`;
    report({ task, message: "Removing" });
    try {
      await remove(name);
      report({ task, message: "Removed", outcome: "done" });
    } catch (error) {
      if (isVirgaError(error, "not-found")) {
        report({ task, message: "Already gone", outcome: "skipped" });
      } else if (warn && isVirgaError(error, "conflict")) {
        report({ task, message: messageOf(error), outcome: "warning" });
        warn(messageOf(error));
      } else {
        report({ task, message: messageOf(error), outcome: "failed" });
        throw error;
      }
    }
  }
}
