import { dockerfileError } from "./dockerfile-error.ts";
import { parseInstruction, type StageInstruction } from "./instruction.ts";
import type { ArgInstruction, FromInstruction } from "./instructions/stage.ts";
import { readSourceLines } from "./source-lines.ts";

export interface Dockerfile {
  /** ARG instructions before the first FROM: their values count in FROM lines only. */
  readonly args: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly escape: string;
  readonly warnings: readonly string[];
}

export interface Stage {
  readonly index: number;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** `file` is the name used in errors. Throws `invalid` / `dockerfile.*`, `unimplemented` / `dockerfile.unsupported`. */
export function parseDockerfile(text: string, file: string): Dockerfile {
  const source = readSourceLines(text, file);
  const args: ArgInstruction[] = [];
  const stages: { index: number; from: FromInstruction; instructions: StageInstruction[] }[] = [];
  const warnings = [...source.warnings];
  for (const line of source.lines) {
    const instruction = parseInstruction(line);
    const stage = stages.at(-1);
    if (instruction.kind === "FROM") {
      warnings.push(...repeatedName(stages, instruction));
      stages.push({ index: stages.length, from: instruction, instructions: [] });
    } else if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === "ARG") args.push(instruction);
    else {
      const message = "no build stage yet; the file must begin with FROM (only ARG may stand before it)";
      throw dockerfileError("dockerfile.no-stage", instruction, message);
    }
    warnings.push(...suspicious(instruction));
  }
  if (stages.length === 0) {
    const place = { ...source.lines.at(-1)!, keyword: "" };
    throw dockerfileError("dockerfile.no-stage", place, "the file has no FROM");
  }
  return { args, stages, escape: source.escape, warnings };
}

function repeatedName(stages: readonly Stage[], from: FromInstruction): string[] {
  const name = from.stageName;
  if (name === undefined || !stages.some((stage) => stage.from.stageName === name)) return [];
  return [`${from.file}:${from.line}: the stage name '${name}' stands twice; the later one is used`];
}

/** What Docker builds without a word, but rarely means what its writer thinks. */
function suspicious(instruction: StageInstruction | FromInstruction): string[] {
  const place = `${instruction.file}:${instruction.line}:`;
  if (instruction.kind === "MAINTAINER") return [`${place} MAINTAINER is deprecated; use LABEL instead`];
  const command = "command" in instruction ? instruction.command : undefined;
  if (command?.form !== "shell" || !/^\[\s*["']/.test(command.line)) return [];
  return [`${place} ${instruction.kind}: begins like a JSON array but is not one; it runs in the shell`];
}
