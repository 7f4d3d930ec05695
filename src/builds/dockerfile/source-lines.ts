import { dockerfileError, type SourcePlace } from "./dockerfile-error.ts";
import { ExpansionError, expandWords, rawWords } from "./expansion.ts";

/**
 * A Dockerfile as instructions' texts: parser directives read, comments and continuations resolved, here-documents
 * cut off. What the instructions mean is decided above (parse.ts). Rules: Dockerfile reference, "Format", "Parser
 * directives", "Here-Documents".
 */
export interface SourceFile {
  readonly escape: string;
  /** The value of the `check` directive. */
  readonly check: string | undefined;
  /** The `syntax` directive. */
  readonly syntax: SyntaxLine | undefined;
  readonly lines: readonly SourceLine[];
}

/** The frontend that a Dockerfile names, with its place. */
export interface SyntaxLine extends SourcePlace {
  readonly frontend: string;
}

export interface SourceLine extends SourcePlace {
  /** Upper case. */
  readonly keyword: string;
  /** The keyword as it stands in the file. */
  readonly written: string;
  /** The last line that belongs to it, its here-documents included. */
  readonly end: number;
  /** Lines of comment directly above it, without their `#`. */
  readonly comments: readonly string[];
  /** Lines inside it that hold nothing. */
  readonly emptyLines: readonly number[];
  /** What follows the keyword, on one line, trimmed. */
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
  readonly escape: string;
}

export interface Heredoc {
  readonly name: string;
  readonly content: string;
  /** The name was not quoted: variables in the content are replaced (by COPY and ADD; by the shell in RUN). */
  readonly expand: boolean;
  /** `<<-`: leading tabs are cut. */
  readonly stripTabs: boolean;
}

const withHeredocs = new Set(["RUN", "COPY", "ADD"]);

/** Throws `invalid` / `dockerfile.directive`, `dockerfile.heredoc`, `dockerfile.empty`. */
export function readSourceLines(text: string, file: string): SourceFile {
  const physical = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const { next, ...directives } = readDirectives(physical, file);
  const { escape } = directives;
  const reader = new LineReader(physical, next, file, escape);
  const lines: SourceLine[] = [];
  for (let line = reader.next(); line; line = reader.next()) lines.push(line);
  if (lines.length === 0) {
    throw dockerfileError(
      "dockerfile.empty",
      { file, line: 1, keyword: "" },
      "the file has no instructions; it must begin with FROM",
    );
  }
  return { ...directives, lines };
}

function readDirectives(
  lines: readonly string[],
  file: string,
): Omit<SourceFile, "lines"> & { next: number } {
  const seen = new Set<string>();
  let escape = "\\";
  let check: string | undefined;
  let syntax: SyntaxLine | undefined;
  let next = 0;
  for (; next < lines.length; next++) {
    const match = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*$/.exec(lines[next]!);
    const name = match?.[1]!.toLowerCase();
    if (!match || name === undefined || !["escape", "syntax", "check"].includes(name)) break;
    const place = { file, line: next + 1, keyword: "" };
    if (seen.has(name)) {
      throw dockerfileError("dockerfile.directive", place, `the parser directive '${name}' stands twice`);
    }
    seen.add(name);
    if (name === "check") check = match[2];
    if (name === "syntax") syntax = { ...place, frontend: match[2]! };
    if (name !== "escape") continue;
    if (match[2] !== "\\" && match[2] !== "`") {
      throw dockerfileError(
        "dockerfile.directive",
        place,
        `the escape character must be \\ or \`, not '${match[2]}'`,
      );
    }
    escape = match[2];
  }
  return { escape, check, syntax, next };
}

class LineReader {
  readonly #lines: readonly string[];
  readonly #file: string;
  readonly #escape: string;
  readonly #continued: RegExp;
  #at: number;

  constructor(lines: readonly string[], at: number, file: string, escape: string) {
    this.#lines = lines;
    this.#at = at;
    this.#file = file;
    this.#escape = escape;
    const mark = escape === "\\" ? "\\\\" : escape;
    // An escaped escape character at the end of a line is text, not a continuation.
    this.#continued = new RegExp(`(^|[^${mark}])${mark}[ \\t]*$`);
  }

  next(): SourceLine | undefined {
    const comments = this.#comments();
    if (this.#at >= this.#lines.length) return undefined;
    const line = this.#at + 1;
    const { text, emptyLines } = this.#logical();
    const [, written, rest] = /^(\S+)\s*(.*)$/s.exec(text.trim())!;
    const place = { file: this.#file, line, keyword: written!.toUpperCase() };
    const trimmed = rest!.trim();
    const heredocs = this.#heredocs(place, trimmed);
    const more = { written: written!, end: this.#at, comments, emptyLines };
    return { ...place, ...more, rest: trimmed, heredocs, escape: this.#escape };
  }

  /** Steps over what is no instruction. An empty line parts a comment from what follows. */
  #comments(): string[] {
    let comments: string[] = [];
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      if (line.trim() === "") comments = [];
      else if (!isComment(line)) break;
      else {
        const comment = line.trim().slice(1).trim();
        comments = comment === "" ? [] : [...comments, comment];
      }
    }
    return comments;
  }

  /** The physical lines of one instruction as one, comments among them left out. */
  #logical(): { text: string; emptyLines: number[] } {
    let joined = "";
    const emptyLines: number[] = [];
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++]!;
      if (joined !== "" && isComment(line)) continue;
      if (joined !== "" && line.trim() === "") {
        emptyLines.push(this.#at);
        continue;
      }
      if (!this.#continued.test(line)) {
        joined += line;
        break;
      }
      joined += line.replace(this.#continued, "$1");
    }
    return { text: joined, emptyLines };
  }

  #heredocs(place: SourcePlace, rest: string): Heredoc[] {
    const [keyword, body] =
      place.keyword === "ONBUILD" ? splitKeyword(rest) : ([place.keyword, rest] as const);
    if (!withHeredocs.has(keyword) || !body.includes("<<") || body.startsWith("[")) return [];
    return findHeredocs(body, this.#escape).map((found) => this.#content(place, found));
  }

  #content(place: SourcePlace, found: Omit<Heredoc, "content">): Heredoc {
    let content = "";
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++]!;
      const cut = found.stripTabs ? line.replace(/^\t+/, "") : line;
      if (cut === found.name) return { ...found, content };
      content += `${cut}\n`;
    }
    throw dockerfileError(
      "dockerfile.heredoc",
      place,
      `the here-document '${found.name}' does not end`,
      `put a line that holds only ${found.name} after its text`,
    );
  }
}

/** The here-documents that a command line announces, in order. */
export function findHeredocs(text: string, escape: string): Omit<Heredoc, "content">[] {
  let words: string[];
  try {
    words = rawWords(text, escape);
  } catch (error) {
    if (error instanceof ExpansionError) return [];
    throw error;
  }
  return words.flatMap((word) => {
    const match = /^\d*<<(-?)([^<]+)$/.exec(word);
    if (!match) return [];
    const name = unquoted(match[2]!, escape);
    if (name === undefined) return [];
    return [{ name, expand: name === match[2], stripTabs: match[1] === "-" }];
  });
}

function unquoted(text: string, escape: string): string | undefined {
  try {
    const words = expandWords(text.replaceAll("$", `${escape}$`), { escape, lookup: () => undefined });
    return words.length === 1 && words[0] !== "" ? words[0] : undefined;
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

/** `RUN echo` as `["RUN", "echo"]`, the keyword in upper case. */
export function splitKeyword(text: string): readonly [string, string] {
  const match = /^(\S+)\s*(.*)$/s.exec(text.trim());
  return match ? [match[1]!.toUpperCase(), match[2]!.trim()] : ["", ""];
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith("#");
}
