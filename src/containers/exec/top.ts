import { fail } from "../../base/index.ts";
import { run } from "../../host/index.ts";
import { emit, type Engine } from "../engine.ts";
import { needRunning } from "./process.ts";
import type { Entry } from "../registry.ts";

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/** `ps` of the host, cut down to the container's processes. */
export async function topOf(engine: Engine, entry: Entry, arguments_ = "-ef"): Promise<ProcessTable> {
  needRunning(entry);
  const { id } = entry.record.container;
  const [pids, result] = await Promise.all([
    engine.runtime.processes(id),
    run(["ps", ...arguments_.split(/\s+/).filter(Boolean)]),
  ]);
  if (result.exitCode !== 0) {
    throw fail("invalid", "container.top", `ps: ${result.stderr.trim().slice(0, 500)}`, {
      hint: "the arguments are those of ps(1)",
    });
  }
  const table = parsePs(result.stdout, new Set(pids));
  emit(engine, entry, "top");
  return table;
}

/** The last column takes the rest of its line. Throws `invalid` when no column is called PID. */
export function parsePs(text: string, pids: ReadonlySet<number>): ProcessTable {
  const [head = "", ...lines] = text.split("\n").filter((line) => line.trim() !== "");
  const titles = head.trim().split(/\s+/);
  const column = titles.indexOf("PID");
  if (column < 0) throw fail("invalid", "container.top", "Couldn't find PID field in ps output");
  const rows = lines.map((line) => {
    const fields = line.trim().split(/\s+/);
    const last = titles.length - 1;
    return [...fields.slice(0, last), fields.slice(last).join(" ")];
  });
  return { titles, processes: rows.filter((row) => pids.has(Number(row[column]))) };
}
