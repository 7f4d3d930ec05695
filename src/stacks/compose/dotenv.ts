import { interpolate } from "./interpolate.ts";

export interface EnvLine {
  readonly name: string;
  /** Undefined: named without a value. */
  readonly value: string | undefined;
}

export interface EnvProblem {
  readonly line: number;
  readonly message: string;
}

const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', $: "$$" };

/**
 * Reads an env file by the rules of the Compose specification ("Env_file format"): comments, `export`, quotes, inline
 * comments, escapes in double quotes, interpolation outside single quotes with `variable` and the lines before.
 * `raw`: `NAME=VALUE` lines, taken as they are.
 */
export function parseEnvFile(
  text: string,
  options: { readonly raw?: boolean; readonly variable: (name: string) => string | undefined },
): { readonly lines: readonly EnvLine[]; readonly problems: readonly EnvProblem[] } {
  const lines: EnvLine[] = [];
  const problems: EnvProblem[] = [];
  const seen = new Map<string, string>();
  const source = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  let offset = 0;
  let line = 1;
  while (offset < source.length) {
    const end = endOfLine(source, offset);
    const content = source.slice(offset, end);
    const at = line;
    const match = /^\s*(?:export\s+)?([^\s=#'"]+)[ \t]*(?:=[ \t]*|$|(?=#))/.exec(content);
    let next = end + 1;
    if (content.trim() !== "" && !content.trim().startsWith("#")) {
      if (!match) problems.push({ line: at, message: `'${content.trim()}' is not NAME=VALUE` });
      else if (!match[0].includes("=")) lines.push({ name: match[1]!, value: undefined });
      else if (options.raw) {
        lines.push({ name: match[1]!, value: content.slice(content.indexOf("=") + 1) });
      } else {
        const read = readValue(source, offset + match[0].length, end);
        if (read.problem) problems.push({ line: at, message: read.problem });
        const value = read.literal ? read.value : expand(read.value, at, { ...options, seen, problems });
        seen.set(match[1]!, value);
        lines.push({ name: match[1]!, value });
        next = read.next;
      }
    }
    line += source.slice(offset, next).split("\n").length - 1;
    offset = next;
  }
  return { lines, problems };
}

function expand(
  text: string,
  line: number,
  context: {
    readonly variable: (name: string) => string | undefined;
    readonly seen: ReadonlyMap<string, string>;
    readonly problems: EnvProblem[];
  },
): string {
  return interpolate(text, {
    variable: (name) => context.variable(name) ?? context.seen.get(name),
    invalid: (message) => context.problems.push({ line, message }),
    unset: () => {},
  });
}

function readValue(
  source: string,
  start: number,
  end: number,
): { value: string; literal: boolean; next: number; problem?: string } {
  const quote = source[start];
  if (quote !== '"' && quote !== "'") {
    const value = source
      .slice(start, end)
      .replace(/(^|\s)#.*$/, "")
      .trim();
    return { value, literal: false, next: end + 1 };
  }
  let value = "";
  for (let index = start + 1; index < source.length; index++) {
    const char = source[index]!;
    if (char === quote) {
      const rest = source.slice(index + 1, endOfLine(source, index)).trim();
      const problem =
        rest === "" || rest.startsWith("#") ? {} : { problem: `'${rest}' follows the closing quote` };
      return { value, literal: quote === "'", next: endOfLine(source, index) + 1, ...problem };
    }
    if (char !== "\\") {
      value += char;
      continue;
    }
    const escaped = source[++index] ?? "";
    if (quote === "'") value += escaped === "'" ? "'" : `\\${escaped}`;
    else value += escapes[escaped] ?? `\\${escaped}`;
  }
  return { value, literal: true, next: source.length, problem: `the quote ${quote} is not closed` };
}

function endOfLine(source: string, offset: number): number {
  const end = source.indexOf("\n", offset);
  return end < 0 ? source.length : end;
}
