import { fail, isVirgaError, type VirgaError } from "../../base/index.ts";
import type { SourcePlace } from "../dockerfile/dockerfile-error.ts";

/** What is known of a RUN whose command ended with another code than 0: the error's `cause`. */
export interface StepFailure {
  readonly exitCode: number;
  readonly place: SourcePlace;
  /** The last lines that it wrote. */
  readonly output: readonly string[];
}

const code = "build.step-failed";

export const memoryHint = "it ran out of memory: give the build more with --memory";
const otherwise =
  "look inside, as it was at the failure, with virga build --debug; the steps before it are cached";

/** `invalid` / `build.step-failed`, with Docker's text. */
export function stepFailed(
  command: readonly string[],
  failure: StepFailure,
  hint: string = otherwise,
): VirgaError {
  const text = `The command '${command.join(" ")}' returned a non-zero code: ${failure.exitCode}`;
  return fail("invalid", code, text, { hint, cause: failure });
}

export function failureOf(error: unknown): StepFailure | undefined {
  return isVirgaError(error) && error.code === code ? (error.cause as StepFailure) : undefined;
}

/** `Dockerfile:5: RUN: ended with exit code 2` and the last lines of its output. */
export function describeFailure({ exitCode, place, output }: StepFailure): string {
  const lines = output.length === 0 ? ["", "(it wrote nothing)"] : ["; it wrote at last:", ...output];
  const [after, ...rest] = lines;
  const head = `${place.file}:${place.line}: ${place.keyword}: ended with exit code ${exitCode}${after}`;
  return [head, ...rest.map((line) => `  | ${line}`)].join("\n");
}

/** Keeps the last lines of what a step writes. */
export class LastLines {
  readonly #count: number;
  #lines: string[] = [""];

  constructor(count: number) {
    this.#count = count;
  }

  add(text: string): void {
    const [first = "", ...more] = text.split("\n");
    this.#lines[this.#lines.length - 1] += first;
    this.#lines.push(...more);
    this.#lines = this.#lines.slice(-this.#count - 1).map((line) => line.slice(-longestLine));
  }

  /** Of a line that was written over (a progress bar) the last state. */
  get lines(): readonly string[] {
    const shown = this.#lines.map((line) => line.replace(/\r$/, "").replace(/^.*\r/, ""));
    return (shown.at(-1) === "" ? shown.slice(0, -1) : shown).slice(-this.#count);
  }
}

const longestLine = 4096;
