import { posix } from "node:path";
import type { HealthcheckConfig } from "../../images/index.ts";
import type { Command } from "../dockerfile/arguments.ts";
import { dockerfileError } from "../dockerfile/dockerfile-error.ts";
import type { MetadataInstruction } from "../dockerfile/instructions/metadata.ts";
import type { HealthcheckWritten, ProcessInstruction } from "../dockerfile/instructions/process.ts";
import type { ArgInstruction } from "../dockerfile/instructions/stage.ts";
import { parsePorts } from "./ports.ts";
import { parseSignal } from "./signals.ts";
import { shellOf, type StageState } from "./stage-state.ts";
import { expand, expandToWords } from "./variables.ts";

export type SettingInstruction = ArgInstruction | ProcessInstruction | MetadataInstruction;

/**
 * Carries out an instruction that changes no file: the state's execution parameters are changed in place. Returns
 * the text for the image's history, with variables replaced. WORKDIR only sets the directory here.
 */
export function applySetting(state: StageState, instruction: SettingInstruction): string {
  switch (instruction.kind) {
    case "ARG":
      return applyArg(state, instruction);
    case "ENV":
    case "LABEL":
      return applyPairs(state, instruction);
    case "CMD":
    case "ENTRYPOINT":
      return applyCommand(state, instruction.kind, instruction.command);
    case "SHELL":
      state.process.Shell = instruction.shell;
      return `SHELL [${instruction.shell.join(" ")}]`;
    case "HEALTHCHECK":
      state.process.Healthcheck = healthcheckOf(instruction.check);
      return `HEALTHCHECK ${JSON.stringify(state.process.Healthcheck)}`;
    case "MAINTAINER":
      state.author = instruction.author;
      return `MAINTAINER ${instruction.author}`;
    case "ONBUILD":
      state.process.OnBuild = [...(state.process.OnBuild ?? []), instruction.trigger];
      return `ONBUILD ${instruction.trigger}`;
    case "EXPOSE":
    case "VOLUME":
      return applyList(state, instruction);
    default:
      return applySingle(state, instruction);
  }
}

function applyArg(state: StageState, instruction: ArgInstruction): string {
  const shown = instruction.args.map(({ name, value }) => {
    const { variables } = state;
    const fallback =
      value === undefined ? undefined : expand(instruction, value, variables.values(), variables.escape);
    const result = variables.declare(name, fallback);
    return result === undefined ? name : `${name}=${result}`;
  });
  return `ARG ${shown.join(" ")}`;
}

function applyPairs(
  state: StageState,
  instruction: Extract<MetadataInstruction, { kind: "ENV" | "LABEL" }>,
): string {
  const { variables } = state;
  // Within one instruction every variable has the value from before it (reference, "Environment replacement").
  const before = variables.values();
  const pairs = instruction.pairs.map(({ name, value }) => {
    const key = expand(instruction, name, before, variables.escape);
    if (key === "") throw dockerfileError("dockerfile.arguments", instruction, "a name can't be empty");
    return [key, expand(instruction, value, before, variables.escape)] as const;
  });
  if (instruction.kind === "ENV") for (const [name, value] of pairs) variables.setEnv(name, value);
  else state.process.Labels = { ...state.process.Labels, ...Object.fromEntries(pairs) };
  return `${instruction.kind} ${pairs.map(([name, value]) => `${name}=${value}`).join(" ")}`;
}

function applyCommand(state: StageState, kind: "CMD" | "ENTRYPOINT", command: Command): string {
  const words = command.form === "exec" ? command.arguments : [...shellOf(state), command.line];
  if (kind === "CMD") {
    state.process.Cmd = words;
    state.cmdSet = true;
  } else {
    state.process.Entrypoint = words;
    // A CMD that came with the base belongs to the base's entrypoint.
    if (!state.cmdSet) delete state.process.Cmd;
  }
  return `${kind} [${words.map((word) => JSON.stringify(word)).join(" ")}]`;
}

function applyList(
  state: StageState,
  instruction: Extract<MetadataInstruction, { kind: "EXPOSE" | "VOLUME" }>,
): string {
  const { variables } = state;
  const values = variables.values();
  if (instruction.kind === "EXPOSE") {
    const words = instruction.words.flatMap((word) =>
      expandToWords(instruction, word, values, variables.escape),
    );
    const ports = words.flatMap((word) => parsePorts(instruction, word));
    state.process.ExposedPorts = {
      ...state.process.ExposedPorts,
      ...Object.fromEntries(ports.map((port) => [port, {}])),
    };
    return `EXPOSE ${ports.join(" ")}`;
  }
  const paths = instruction.words.map((word) => expand(instruction, word, values, variables.escape));
  if (paths.includes("")) throw dockerfileError("dockerfile.arguments", instruction, "a path can't be empty");
  state.process.Volumes = {
    ...state.process.Volumes,
    ...Object.fromEntries(paths.map((path) => [path, {}])),
  };
  return `VOLUME [${paths.join(" ")}]`;
}

function applySingle(
  state: StageState,
  instruction: Extract<MetadataInstruction, { kind: "WORKDIR" | "USER" | "STOPSIGNAL" }>,
): string {
  const { variables } = state;
  const value = expand(instruction, instruction.value, variables.values(), variables.escape);
  if (value === "") {
    throw dockerfileError("dockerfile.arguments", instruction, `'${instruction.value}' is empty`);
  }
  if (instruction.kind === "USER") state.process.User = value;
  else if (instruction.kind === "STOPSIGNAL") state.process.StopSignal = parseSignal(instruction, value);
  else {
    const path = posix.resolve("/", state.process.WorkingDir ?? "/", value);
    state.process.WorkingDir = path;
    return `WORKDIR ${path}`;
  }
  return `${instruction.kind} ${value}`;
}

function healthcheckOf(written: HealthcheckWritten): HealthcheckConfig {
  const { command } = written;
  if (command === "NONE") return { Test: ["NONE"] };
  const test = command.form === "exec" ? ["CMD", ...command.arguments] : ["CMD-SHELL", command.line];
  return {
    Test: test,
    ...(written.interval === undefined ? {} : { Interval: written.interval }),
    ...(written.timeout === undefined ? {} : { Timeout: written.timeout }),
    ...(written.startPeriod === undefined ? {} : { StartPeriod: written.startPeriod }),
    ...(written.startInterval === undefined ? {} : { StartInterval: written.startInterval }),
    ...(written.retries === undefined ? {} : { Retries: written.retries }),
  };
}
