import { nearest } from "../../base/index.ts";
import { parsePlatform, parseReference } from "../../images/index.ts";
import { ExpansionError, expandWord } from "../dockerfile/expansion.ts";
import type { FromInstruction } from "../dockerfile/instructions/stage.ts";
import type { Dockerfile } from "../dockerfile/parse.ts";
import { globalArguments, type GlobalArguments } from "../evaluation/variables.ts";
import type { Linter } from "./linter.ts";

/** The checks of FROM lines: the variables in them, and the platform. `automatic`: the platform ARGs. */
export function lintFrom(
  linter: Linter,
  { args, stages }: Dockerfile,
  global: GlobalArguments,
  automatic: Readonly<Record<string, string>>,
): void {
  const defaults = globalArguments(args, new Map(), automatic, global.escape).values;
  const declared = [...Object.keys(automatic), ...args.flatMap((one) => one.args.map((arg) => arg.name))];
  for (const { from } of stages) {
    const base = looked(from.base, defaults, global.escape);
    if (!isReference(base.text)) {
      const message = `Default value for ARG ${from.base} results in empty or invalid base image name`;
      linter.found("InvalidDefaultArgInFrom", from, message);
    }
    undeclared(linter, from, from.base, global, declared);
    if (from.platform === undefined) continue;
    undeclared(linter, from, from.platform, global, declared);
    platform(linter, from, from.platform, global);
  }
}

function undeclared(
  linter: Linter,
  from: FromInstruction,
  word: string,
  global: GlobalArguments,
  declared: readonly string[],
): void {
  for (const name of looked(word, global.values, global.escape).unset) {
    if (declared.includes(name)) continue;
    const guess = nearest(name, declared);
    const meant = guess === undefined ? "" : ` (did you mean ${guess}?)`;
    linter.found("UndefinedArgInFrom", from, `FROM argument '${name}' is not declared${meant}`);
  }
}

function platform(linter: Linter, from: FromInstruction, written: string, global: GlobalArguments): void {
  const result = looked(written, global.values, global.escape);
  if (result.unset.size === 0 && result.set.size === 1 && result.set.has("TARGETPLATFORM")) {
    if (result.text !== global.values.get("TARGETPLATFORM")) return;
    const message = `Setting platform to predefined ${written} in FROM is redundant as this is the default behavior`;
    linter.found("RedundantTargetPlatform", from, message);
  }
  if (result.set.size > 0 || result.unset.size > 0) return;
  let parsed: { readonly os: string; readonly architecture: string };
  try {
    parsed = parsePlatform(result.text);
  } catch {
    return;
  }
  const name = from.stageName ?? "";
  if (name.includes(parsed.os) || name.includes(parsed.architecture)) return;
  const message = `FROM --platform flag should not use constant value "${result.text}"`;
  linter.found("FromPlatformFlagConstDisallowed", from, message);
}

interface Looked {
  readonly text: string;
  readonly set: ReadonlySet<string>;
  readonly unset: ReadonlySet<string>;
}

/** A word with its variables replaced, and their names; empty when it can't be read. */
export function looked(word: string, values: ReadonlyMap<string, string>, escape: string): Looked {
  const set = new Set<string>();
  const unset = new Set<string>();
  const lookup = (name: string) => {
    const value = values.get(name);
    (value === undefined ? unset : set).add(name);
    return value;
  };
  try {
    return { text: expandWord(word, { escape, lookup }), set, unset };
  } catch (error) {
    if (error instanceof ExpansionError) return { text: "", set, unset };
    throw error;
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
