import { posix } from "node:path";
import { nearest } from "../../base/index.ts";
import type { IgnoreRules } from "../context/ignore.ts";
import type { StageInstruction } from "../dockerfile/instruction.ts";
import type { CopyInstruction } from "../dockerfile/instructions/files.ts";
import type { StageVariables } from "../evaluation/variables.ts";
import { looked } from "./lint-from.ts";
import type { Linter } from "./linter.ts";
import { wordsOf } from "./instruction-words.ts";

/** A stage as far as its instructions have been looked at. */
export interface LintedStage {
  readonly variables: StageVariables;
  /** All variables that the stage begins with are known, those of its base image too. */
  readonly known: boolean;
  /** ARGs, also those without a value. */
  readonly declared: Set<string>;
  workdirSet: boolean;
  /** A SHELL stands in it, or came with its base. */
  shellSet: boolean;
}

/** The checks of a stage's instructions, one after the other; `stage` goes along with them. */
export function lintStage(
  linter: Linter,
  stage: LintedStage,
  instructions: readonly StageInstruction[],
  ignore: IgnoreRules,
): void {
  const last = new Map<string, StageInstruction>();
  for (const one of instructions) {
    undefinedVariables(linter, stage, one, wordsOf(one));
    if (one.kind === "CMD" || one.kind === "ENTRYPOINT" || one.kind === "HEALTHCHECK")
      usedOnce(linter, one, last);
    switch (one.kind) {
      case "ARG":
        declareAll(linter, stage, one);
        break;
      case "ENV":
      case "LABEL":
        setPairs(linter, stage, one);
        break;
      case "CMD":
      case "ENTRYPOINT":
        if (one.command.form === "shell" && !stage.shellSet) {
          const message = `JSON arguments recommended for ${one.written} to prevent unintended behavior related to OS signals`;
          linter.found("JSONArgsRecommended", one, message);
        }
        break;
      case "SHELL":
        stage.shellSet = true;
        break;
      case "WORKDIR":
        workdir(linter, stage, one);
        break;
      case "EXPOSE":
        for (const word of one.words) expose(linter, one, text(stage, word));
        break;
      case "COPY":
      case "ADD":
        ignoredFiles(linter, stage, one, ignore);
        break;
      default:
    }
  }
}

function text(stage: LintedStage, word: string): string {
  return looked(word, stage.variables.values(), stage.variables.escape).text;
}

function undefinedVariables(
  linter: Linter,
  stage: LintedStage,
  one: StageInstruction,
  words: readonly string[],
): void {
  if (!stage.known) return;
  const values = stage.variables.values();
  const names = words.flatMap((word) => [...looked(word, values, stage.variables.escape).unset]);
  for (const name of new Set(names)) {
    if (stage.declared.has(name)) continue;
    const guess = nearest(name, values.keys());
    const meant = guess === undefined ? "" : ` (did you mean $${guess}?)`;
    linter.found("UndefinedVar", one, `Usage of undefined variable '$${name}'${meant}`);
  }
}

function declareAll(
  linter: Linter,
  stage: LintedStage,
  one: Extract<StageInstruction, { kind: "ARG" }>,
): void {
  for (const { name, value } of one.args) {
    secretName(linter, one, name);
    if (value !== undefined) undefinedVariables(linter, stage, one, [value]);
    stage.declared.add(name);
    stage.variables.declare(name, value === undefined ? undefined : text(stage, value));
  }
}

function setPairs(
  linter: Linter,
  stage: LintedStage,
  one: Extract<StageInstruction, { kind: "ENV" | "LABEL" }>,
): void {
  const values = one.pairs.map(({ name, value }) => [text(stage, name), text(stage, value)] as const);
  for (const { name, legacy } of one.pairs) {
    if (legacy) {
      const message = `"${one.written} key=value" should be used instead of legacy "${one.written} key value" format`;
      linter.found("LegacyKeyValueFormat", one, message);
    }
    if (one.kind === "ENV") secretName(linter, one, name);
  }
  if (one.kind === "ENV") for (const [name, value] of values) stage.variables.setEnv(name, value);
}

const secret = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const noSecret = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function secretName(linter: Linter, one: StageInstruction, name: string): void {
  if (!secret.test(name) || noSecret.test(name)) return;
  const message = `Do not use ARG or ENV instructions for sensitive data (${one.keyword} "${name}")`;
  linter.found("SecretsUsedInArgOrEnv", one, message);
}

/** Reported is the one before, which counts for nothing. */
function usedOnce(linter: Linter, one: StageInstruction, last: Map<string, StageInstruction>): void {
  const before = last.get(one.kind);
  if (before) {
    const message = `Multiple ${one.written} instructions should not be used in the same stage because only the last one will be used`;
    linter.found("MultipleInstructionsDisallowed", before, message);
  }
  last.set(one.kind, one);
}

function workdir(
  linter: Linter,
  stage: LintedStage,
  one: Extract<StageInstruction, { kind: "WORKDIR" | "USER" | "STOPSIGNAL" }>,
): void {
  const path = text(stage, one.value);
  if (!stage.workdirSet && !posix.isAbsolute(path)) {
    const message = `Relative workdir "${path}" can have unexpected results if the base image changes`;
    linter.found("WorkdirRelativePath", one, message);
  }
  stage.workdirSet = true;
}

function expose(linter: Linter, one: StageInstruction, words: string): void {
  for (const word of words.split(/\s+/)) {
    const protocol = word.split("/")[1] ?? "";
    if (protocol !== protocol.toLowerCase()) {
      const message = `Defined protocol '${word}' in EXPOSE instruction should be lowercase`;
      linter.found("ExposeProtoCasing", one, message);
    }
    if (!word.includes(":")) continue;
    const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`;
    linter.found("ExposeInvalidFormat", one, message);
  }
}

function ignoredFiles(linter: Linter, stage: LintedStage, one: CopyInstruction, ignore: IgnoreRules): void {
  // With exceptions in it, an ignore file does not say before the files are read what is left.
  if (one.from !== undefined || ignore.hasExceptions) return;
  const command = one.kind === "COPY" ? "Copy" : "Add";
  for (const source of one.sources) {
    if (source.kind !== "path") continue;
    const path = posix.normalize(text(stage, source.path)).replace(/\/$/, "");
    const relative = path.replace(/^\/+/, "");
    // The root is left out only by a pattern that every name matches.
    const excluded = ["", "."].includes(relative) ? ignore.excludes("\u0001") : ignore.excludes(relative);
    if (!excluded) continue;
    const message = `Attempting to ${command} file "${path}" that is excluded by .dockerignore`;
    linter.found("CopyIgnoredFile", one, message);
  }
}
