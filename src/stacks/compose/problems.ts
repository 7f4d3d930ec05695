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
    const lines = this.#problems.filter(isFirstOfItsValue).toSorted(inFileOrder).map(formatProblem);
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

/** What is wrong with a value that was already found wrong only follows from that. */
function isFirstOfItsValue(problem: Problem, index: number, all: readonly Problem[]): boolean {
  const same = (one: Problem) =>
    one.path === problem.path &&
    one.at.source.name === problem.at.source.name &&
    one.at.line === problem.at.line &&
    one.at.column === problem.at.column;
  return all.findIndex(same) === index;
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

/** Says that the value at `path` of the model is wrong. */
export type ReportAt = (path: readonly string[], message: string) => void;
