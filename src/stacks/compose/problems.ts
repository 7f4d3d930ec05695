import { fail, type VirgaError } from "../../base/index.ts";
import { formatPosition, type Position } from "./tree.ts";

export interface Problem {
  /** `unimplemented`: right by the specification, and not supported here. */
  readonly kind: "invalid" | "unimplemented";
  readonly at: Position;
  /** `services.web.ports[0]`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** Collects what is wrong with the files of a stack, so that all of it is told at once. */
export class Problems {
  readonly #problems: Problem[] = [];
  readonly #warnings = new Set<string>();

  invalid(at: Position, path: string, message: string): void {
    this.#problems.push({ kind: "invalid", at, path, message });
  }

  unimplemented(at: Position, path: string, message: string): void {
    this.#problems.push({ kind: "unimplemented", at, path, message });
  }

  warn(at: Position | undefined, message: string): void {
    this.#warnings.add(at === undefined ? message : `${formatPosition(at)}: ${message}`);
  }

  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  get list(): readonly Problem[] {
    return this.#problems;
  }

  /** Throws one error that tells every problem: `stack.file-invalid`, or `stack.unsupported` when that is all. */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw this.#toError();
  }

  #toError(): VirgaError {
    const lines = [...new Set(this.#problems.toSorted(inFileOrder).map(formatProblem))];
    const message = lines.length === 1 ? lines[0]! : `${lines.length} problems:\n${lines.join("\n")}`;
    if (this.#problems.some((problem) => problem.kind === "invalid")) {
      return fail("invalid", "stack.file-invalid", message, {
        hint: "nothing was changed; mend the file and run the command again (docs/stacks.md lists the keys)",
      });
    }
    return fail("unimplemented", "stack.unsupported", message, {
      hint: "nothing was changed; take the key out, or see docs/stacks.md for what is supported",
    });
  }
}

function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return `${formatPosition(problem.at)}: ${path}${problem.message}`;
}

function inFileOrder(a: Problem, b: Problem): number {
  return (
    a.at.source.name.localeCompare(b.at.source.name) || a.at.line - b.at.line || a.at.column - b.at.column
  );
}

/** The known name that `name` was probably meant to be. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.min(3, Math.floor(name.length / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** ` – did you mean 'x'?`, or nothing. */
export function suggestion(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return near === undefined ? "" : ` – did you mean '${near}'?`;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        value = Math.min(value, rows[i - 2]![j - 2]! + 1);
      }
      rows[i]![j] = value;
    }
  }
  return rows[a.length]![b.length]!;
}
