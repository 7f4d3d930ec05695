import { dockerfileError } from "./dockerfile-error.ts";
import { parseInstruction, type StageInstruction } from "./instruction.ts";
import type { ArgInstruction, FromInstruction } from "./instructions/stage.ts";
import { readSourceLines, type SyntaxLine } from "./source-lines.ts";

export interface Dockerfile {
  /** ARG instructions before the first FROM: their values count in FROM lines only. */
  readonly args: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly escape: string;
  /** The value of the `check` directive. */
  readonly check: string | undefined;
  readonly syntax: SyntaxLine | undefined;
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
  for (const line of source.lines) {
    const instruction = parseInstruction(line);
    const stage = stages.at(-1);
    if (instruction.kind === "FROM")
      stages.push({ index: stages.length, from: instruction, instructions: [] });
    else if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === "ARG") args.push(instruction);
    else {
      const message = "no build stage yet; the file must begin with FROM (only ARG may stand before it)";
      throw dockerfileError("dockerfile.no-stage", instruction, message);
    }
  }
  if (stages.length === 0) {
    const place = { ...source.lines.at(-1)!, keyword: "" };
    throw dockerfileError("dockerfile.no-stage", place, "the file has no FROM");
  }
  const { escape, check, syntax } = source;
  return { args, stages, escape, check, syntax };
}
