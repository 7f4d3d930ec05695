import { dockerfileError } from "./dockerfile-error.ts";
import { ExpansionError, rawWords } from "./expansion.ts";
import type { SourceLine } from "./source-lines.ts";

/** A command: a JSON array runs as it stands, anything else is a line for the shell (reference, "Shell and exec form"). */
export type Command =
  | { readonly form: "exec"; readonly arguments: readonly string[] }
  | { readonly form: "shell"; readonly line: string };

/** Throws `dockerfile.json` for an array with something else than strings in it. */
export function parseCommand(line: SourceLine, text: string): Command {
  const words = parseJsonArray(line, text);
  return words === undefined ? { form: "shell", line: text } : { form: "exec", arguments: words };
}

/** The strings of a JSON array; undefined when the text is not JSON (it is the shell form then). */
export function parseJsonArray(line: SourceLine, text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  if (parsed.every((one) => typeof one === "string")) return parsed;
  throw dockerfileError("dockerfile.json", line, "only strings may stand in the JSON array");
}

/** Words of a list: a JSON array, or whatever white space parts; quotes are no help there, as in Docker. */
export function parseWordList(line: SourceLine, text: string): string[] {
  return parseJsonArray(line, text) ?? text.split(/\s+/).filter((word) => word !== "");
}

export function needArguments(line: SourceLine, text: string, expected: string): void {
  if (text === "") {
    throw dockerfileError("dockerfile.arguments", line, `an argument is missing; expected ${expected}`);
  }
}

/** A name and its value, both as written: quotes, escapes and variables still in them. */
export interface RawPair {
  readonly name: string;
  readonly value: string;
  /** Written as `name value`. */
  readonly legacy?: true;
}

/** `name=value name2="a b"`, or the old `name rest of the line` (ENV and LABEL). */
export function parsePairs(line: SourceLine, text: string): RawPair[] {
  needArguments(line, text, `${line.keyword} <name>=<value> …`);
  const words = wordsOf(line, text);
  if (!words[0]!.includes("=")) {
    const [, name, value] = /^(\S+)\s*(.*)$/s.exec(text)!;
    if (value === "") {
      throw dockerfileError("dockerfile.arguments", line, `'${name}' has no value; expected name=value`);
    }
    return [{ name: name!, value: value!, legacy: true }];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals > 0) return { name: word.slice(0, equals), value: word.slice(equals + 1) };
    const problem = equals === 0 ? "has no name before the =" : "has no =";
    const hint = 'put a value that has spaces in quotes: name="a b"';
    throw dockerfileError("dockerfile.arguments", line, `'${word}' ${problem}; expected name=value`, hint);
  });
}

/** Words with their quotes. Throws `dockerfile.quote` when a quote is not closed. */
export function wordsOf(line: SourceLine, text: string): string[] {
  try {
    return rawWords(text, line.escape);
  } catch (error) {
    if (error instanceof ExpansionError) throw dockerfileError("dockerfile.quote", line, error.message);
    throw error;
  }
}
