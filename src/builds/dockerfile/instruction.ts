import { dockerfileError, nearest } from "./dockerfile-error.ts";
import { parseCopy, type CopyInstruction } from "./instructions/files.ts";
import {
  parseEnvOrLabel,
  parseExposeOrVolume,
  parseMaintainer,
  parseOnbuild,
  parseSingle,
  type MetadataInstruction,
} from "./instructions/metadata.ts";
import {
  parseHealthcheck,
  parseProcessCommand,
  parseShell,
  type ProcessInstruction,
} from "./instructions/process.ts";
import { parseRun, type RunInstruction } from "./instructions/run.ts";
import { parseArg, parseFrom, type ArgInstruction, type FromInstruction } from "./instructions/stage.ts";
import type { SourceLine } from "./source-lines.ts";

/** What may stand in a stage after its FROM. */
export type StageInstruction =
  | ArgInstruction
  | RunInstruction
  | CopyInstruction
  | ProcessInstruction
  | MetadataInstruction;

export type Instruction = FromInstruction | StageInstruction;

const parsers: Readonly<Record<string, (line: SourceLine) => Instruction>> = {
  FROM: parseFrom,
  ARG: parseArg,
  RUN: parseRun,
  COPY: (line) => parseCopy(line, "COPY"),
  ADD: (line) => parseCopy(line, "ADD"),
  CMD: (line) => parseProcessCommand(line, "CMD"),
  ENTRYPOINT: (line) => parseProcessCommand(line, "ENTRYPOINT"),
  SHELL: parseShell,
  HEALTHCHECK: parseHealthcheck,
  ENV: (line) => parseEnvOrLabel(line, "ENV"),
  LABEL: (line) => parseEnvOrLabel(line, "LABEL"),
  EXPOSE: (line) => parseExposeOrVolume(line, "EXPOSE"),
  VOLUME: (line) => parseExposeOrVolume(line, "VOLUME"),
  WORKDIR: (line) => parseSingle(line, "WORKDIR"),
  USER: (line) => parseSingle(line, "USER"),
  STOPSIGNAL: (line) => parseSingle(line, "STOPSIGNAL"),
  MAINTAINER: parseMaintainer,
  ONBUILD: parseOnbuild,
};

/** Throws `invalid` / `dockerfile.*`. */
export function parseInstruction(line: SourceLine): Instruction {
  const parser = Object.hasOwn(parsers, line.keyword) ? parsers[line.keyword] : undefined;
  if (parser) return parser(line);
  const guess = nearest(line.keyword, Object.keys(parsers));
  const meant = guess === undefined ? "" : ` (did you mean ${guess}?)`;
  const hint = line.keyword.startsWith("<<")
    ? "a here-document needs RUN, COPY or ADD before it"
    : "if this line belongs to the one before, end that one with a backslash";
  const place = { ...line, keyword: "" };
  throw dockerfileError("dockerfile.unknown", place, `unknown instruction: ${line.keyword}${meant}`, hint);
}
