import type { ImageProcess } from "../images/index.ts";
import { dockerfileError } from "./dockerfile/dockerfile-error.ts";
import { parseInstruction, type Instruction } from "./dockerfile/instruction.ts";
import { readSourceLines } from "./dockerfile/source-lines.ts";
import { applySetting, type SettingInstruction } from "./evaluation/metadata.ts";
import { processOf, type StageState } from "./evaluation/stage-state.ts";
import { StageVariables } from "./evaluation/variables.ts";

/** Instructions that `docker commit --change` and `docker import --change` take. */
const allowed: ReadonlySet<Instruction["kind"]> = new Set([
  "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
]); // prettier-ignore

/**
 * Execution parameters with Dockerfile instructions carried out on them, one instruction a text. Throws `invalid` /
 * `dockerfile.*`, also for an instruction that changes files.
 */
export function applyChanges(process: ImageProcess, changes: readonly string[]): ImageProcess {
  if (changes.length === 0) return process;
  const { Env, ...rest } = process;
  const global = {
    passed: new Map<string, string>(),
    values: new Map<string, string>(),
    used: new Set<string>(),
  };
  const state: StageState = {
    platform: { architecture: "", os: "linux" },
    layers: [],
    history: [],
    process: structuredClone(rest),
    variables: new StageVariables({ ...global, escape: "\\" }, Env ?? []),
    author: undefined,
    key: "",
    // As in a Dockerfile, a new entrypoint drops a command that none of the changes set.
    cmdSet: false,
    created: undefined,
    epoch: 0,
  };
  for (const change of changes) {
    for (const line of readSourceLines(change, "change").lines) {
      const instruction = parseInstruction(line);
      if (!allowed.has(instruction.kind)) {
        throw dockerfileError(
          "dockerfile.unsupported",
          instruction,
          `${instruction.kind} is not a valid change command`,
        );
      }
      applySetting(state, instruction as SettingInstruction);
    }
  }
  return processOf(state);
}
