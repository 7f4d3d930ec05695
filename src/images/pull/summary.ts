import type { Report } from "../../base/index.ts";

/** The line of one layer. */
const layerLine = /^[0-9a-f]{12}$/;

/**
 * One line for a whole image, called `task`, in place of one for each layer: the bytes of all layers that are on their way.
 * What is reported of the image itself passes.
 */
export function pullSummary(task: string, report: Report): Report {
  const layers = new Map<string, { readonly current: number; readonly total: number }>();
  return (progress) => {
    if (!layerLine.test(progress.task)) return report({ ...progress, task });
    const { current, total } = progress;
    if (current === undefined || total === undefined) return;
    layers.set(progress.task, { current, total });
    const sum = (field: "current" | "total") =>
      [...layers.values()].reduce((all, one) => all + one[field], 0);
    const all = { current: sum("current"), total: sum("total"), unit: "bytes" } as const;
    report({ task, message: all.current < all.total ? "Pulling" : "Pulled", ...all });
  };
}
