import type { ArgInstruction } from "../dockerfile/instructions/stage.ts";
import type { Dockerfile, Stage } from "../dockerfile/parse.ts";
import type { SourceLine } from "../dockerfile/source-lines.ts";
import type { Linter } from "./linter.ts";

const reserved = new Set(["context", "scratch"]);

/** The checks that look at the file alone: how names and keywords are written. */
export function lintFile(linter: Linter, { args, stages }: Dockerfile): void {
  const all = stages.flatMap((stage) => [stage.from, ...stage.instructions]);
  for (const line of [...args, ...all]) emptyContinuations(linter, line);
  casing(linter, all);
  for (const arg of args) describesArguments(linter, arg);
  const names = new Set<string>();
  for (const stage of stages) {
    stageName(linter, stage, names);
    for (const one of stage.instructions) {
      if (one.kind === "ARG") describesArguments(linter, one);
      if (one.kind === "MAINTAINER") {
        linter.found(
          "MaintainerDeprecated",
          one,
          "Maintainer instruction is deprecated in favor of using label",
        );
      }
    }
  }
}

function emptyContinuations(linter: Linter, line: SourceLine): void {
  const at = line.emptyLines.at(-1);
  if (at === undefined) return;
  // Docker points at the line after the empty ones.
  linter.found("NoEmptyContinuation", line, "Empty continuation line", { start: at + 1, end: at + 1 });
}

function casing(linter: Linter, lines: readonly SourceLine[]): void {
  const count = (has: (word: string) => boolean) => lines.filter(({ written }) => has(written)).length;
  const lower = count(isLower);
  const wanted = lower > count((word) => isUpper(word) && !isLower(word)) ? "lowercase" : "uppercase";
  for (const line of lines) {
    if (wanted === "lowercase" ? isLower(line.written) : isUpper(line.written)) continue;
    const message = `Command '${line.written}' should match the case of the command majority (${wanted})`;
    linter.found("ConsistentInstructionCasing", line, message);
  }
}

function stageName(linter: Linter, { from }: Stage, names: Set<string>): void {
  const [, as, name] = from.words;
  if (as === undefined || name === undefined || from.stageName === undefined) return;
  if (!isLower(name)) linter.found("StageNameCasing", from, `Stage name '${name}' should be lowercase`);
  const keyword = from.written;
  if ((isLower(keyword) && !isLower(as)) || (isUpper(keyword) && !isUpper(as))) {
    linter.found("FromAsCasing", from, `'${as}' and '${keyword}' keywords' casing do not match`);
  }
  if (reserved.has(from.stageName)) {
    const message = `Stage name should not use the same name as reserved stage "${from.stageName}"`;
    linter.found("ReservedStageName", from, message);
  }
  if (names.has(from.stageName)) {
    const message = `Duplicate stage name "${from.stageName}", stage names should be unique`;
    linter.found("DuplicateStageName", from, message);
  }
  names.add(from.stageName);
  describes(linter, "FROM", from, [from.stageName]);
}

function describesArguments(linter: Linter, line: ArgInstruction): void {
  const names = line.args.map((one) => one.name);
  describes(linter, "ARG", line, names);
}

function describes(linter: Linter, instruction: string, line: SourceLine, names: readonly string[]): void {
  const first = line.comments.at(-1)?.split(" ")[0];
  if (first === undefined || names.includes(first)) return;
  const example = names.length > 1 ? "<arg_key>" : names[0]!;
  const message = `Comment for ${instruction} should follow the format: \`# ${example} <description>\``;
  linter.found("InvalidDefinitionDescription", line, message);
}

function isLower(word: string): boolean {
  return word === word.toLowerCase();
}

function isUpper(word: string): boolean {
  return word === word.toUpperCase();
}
