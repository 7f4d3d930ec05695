import { dockerfileError, nearest } from "./dockerfile-error.ts";
import { ExpansionError, rawWords } from "./expansion.ts";
import type { SourceLine } from "./source-lines.ts";

/** What values a flag takes: one text, `true`/`false` (alone: true), or a list when it may stand several times. */
export type FlagKind = "text" | "boolean" | "list";

export interface Flags {
  text(name: string): string | undefined;
  boolean(name: string): boolean;
  list(name: string): readonly string[];
  /** As they were written, for history. */
  readonly written: readonly string[];
}

/**
 * Takes the `--name=value` words off the start of an instruction. Throws `dockerfile.flag` for one that is not in
 * `known`, stands twice or has no value.
 */
export function takeFlags(
  line: SourceLine,
  text: string,
  known: Readonly<Record<string, FlagKind>>,
): { readonly flags: Flags; readonly rest: string } {
  const values = new Map<string, string[]>();
  const written: string[] = [];
  let rest = text;
  while (rest.startsWith("--")) {
    const word = firstWord(line, rest);
    rest = rest.slice(word.length).trimStart();
    if (word === "--") break;
    written.push(word);
    const [name, value] = parseFlag(line, word, known);
    const before = values.get(name) ?? [];
    if (before.length > 0 && known[name] !== "list") {
      throw dockerfileError("dockerfile.flag", line, `the flag --${name} stands twice`);
    }
    values.set(name, [...before, value]);
  }
  const flags: Flags = {
    text: (name) => values.get(name)?.[0],
    boolean: (name) => values.get(name)?.[0] === "true",
    list: (name) => values.get(name) ?? [],
    written,
  };
  return { flags, rest };
}

function firstWord(line: SourceLine, text: string): string {
  try {
    return rawWords(text, line.escape)[0]!;
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    return /^\S+/.exec(text)![0];
  }
}

function parseFlag(
  line: SourceLine,
  word: string,
  known: Readonly<Record<string, FlagKind>>,
): [name: string, value: string] {
  const [, name, value] = /^--([^=]*)(?:=(.*))?$/s.exec(word)!;
  const kind = known[name!];
  if (kind === undefined) {
    const guess = nearest(name!, Object.keys(known));
    const allowed = Object.keys(known).map((one) => `--${one}`);
    const hint = allowed.length === 0 ? "it takes no flags" : `its flags are ${allowed.join(", ")}`;
    const meant = guess === undefined ? "" : ` (did you mean --${guess}?)`;
    throw dockerfileError("dockerfile.flag", line, `unknown flag: --${name}${meant}`, hint);
  }
  if (kind === "boolean") {
    if (value === undefined) return [name!, "true"];
    if (value === "true" || value === "false") return [name!, value];
    throw dockerfileError("dockerfile.flag", line, `--${name} takes true or false, not '${value}'`);
  }
  if (value === undefined) {
    throw dockerfileError("dockerfile.flag", line, `--${name} needs a value: --${name}=…`);
  }
  return [name!, value];
}
