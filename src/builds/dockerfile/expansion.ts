/**
 * The shell-like lexer of Dockerfile words (reference, "Environment replacement"): `$NAME`, `${NAME}`, the modifiers
 * `:-` `:+` `:?` (and without the colon), `#` `##` `%` `%%` `/` `//`, quotes and escapes.
 */
export interface ExpansionOptions {
  /** The escape character of the file, a backslash or a backtick. */
  readonly escape: string;
  /** The value of a variable; undefined when it is not set. */
  readonly lookup: (name: string) => string | undefined;
  /** Keep quotes and escapes as they stand, and do not expand: only the places of the words are asked for. */
  readonly raw?: boolean;
}

/** One word with variables replaced and quotes removed; spaces stay. Throws `ExpansionError`. */
export function expandWord(text: string, options: ExpansionOptions): string {
  return new Lexer(text, options).run().text;
}

/** As `expandWord`, split at unquoted spaces, also those that come out of a variable. */
export function expandWords(text: string, options: ExpansionOptions): string[] {
  return new Lexer(text, options).run().words;
}

/** The words of a line with their quotes and escapes, nothing expanded. */
export function rawWords(text: string, escape: string): string[] {
  return new Lexer(text, { escape, lookup: () => undefined, raw: true }).run().words;
}

/**
 * A here-document with its variables replaced: quotes are text, and a backslash is one unless it stands before `$` or
 * another backslash. Throws `ExpansionError`.
 */
export function expandText(text: string, options: ExpansionOptions): string {
  return new Lexer(text, options).runText();
}

/** What is wrong with a word, to be put behind file and line by the caller. */
export class ExpansionError extends Error {
  override name = "ExpansionError";
}

class Lexer {
  #at = 0;
  /** Inside a pattern, where an escaped character is one that means itself. */
  #inPattern = false;
  readonly #text: string;
  readonly #options: ExpansionOptions;

  constructor(text: string, options: ExpansionOptions) {
    this.#text = text;
    this.#options = options;
  }

  run(): { text: string; words: string[] } {
    const output = new Words();
    this.#process(output, undefined);
    return { text: output.text, words: output.end() };
  }

  runText(): string {
    let output = "";
    while (!this.#done) {
      const char = this.#peek();
      if (char === "$") {
        output += this.#dollar();
        continue;
      }
      this.#at++;
      const next = this.#peek();
      const escapes = char === this.#options.escape && (next === "$" || next === this.#options.escape);
      output += escapes ? this.#next() : char;
    }
    return output;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    return this.#text.charAt(this.#at++);
  }

  get #done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Reads up to `stop` (left unread) or the end. */
  #process(output: Words, stop: string | undefined): void {
    while (!this.#done) {
      const char = this.#peek();
      if (char === stop) return;
      if (char === "'") this.#singleQuoted(output);
      else if (char === '"') this.#doubleQuoted(output);
      else if (char === "$" && !this.#options.raw) output.add(this.#dollar());
      else if (char === this.#options.escape) this.#escaped(output);
      else output.add(this.#next());
    }
    if (stop !== undefined) throw new ExpansionError(`expected '${stop}' before the end of ${this.#text}`);
  }

  #escaped(output: Words): void {
    const escape = this.#next();
    if (this.#options.raw || this.#inPattern) output.addQuoted(escape);
    if (!this.#done) output.addQuoted(this.#next());
  }

  #singleQuoted(output: Words): void {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end < 0) throw new ExpansionError(`a single quote is not closed in ${this.#text}`);
    const inner = this.#text.slice(this.#at + 1, end);
    output.addQuoted(this.#options.raw ? `'${inner}'` : inner);
    this.#at = end + 1;
  }

  #doubleQuoted(output: Words): void {
    const raw = this.#options.raw;
    this.#at++;
    output.addQuoted(raw ? '"' : "");
    for (;;) {
      if (this.#done) throw new ExpansionError(`a double quote is not closed in ${this.#text}`);
      const char = this.#peek();
      if (char === '"') break;
      if (char === "$" && !raw) {
        output.addQuoted(this.#dollar());
        continue;
      }
      this.#at++;
      if (char !== this.#options.escape) {
        output.addQuoted(char);
        continue;
      }
      const next = this.#next();
      const meant = next === '"' || next === "$" || next === this.#options.escape;
      output.addQuoted(meant && !raw ? next : char + next);
    }
    this.#at++;
    output.addQuoted(raw ? '"' : "");
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== "{") {
      const name = this.#name();
      return name === "" ? "$" : (this.#options.lookup(name) ?? "");
    }
    this.#at++;
    const name = this.#name();
    if (name === "") throw new ExpansionError(`a variable's name is missing after \${ in ${this.#text}`);
    const value = this.#options.lookup(name);
    if (this.#peek() === "}") {
      this.#at++;
      return value ?? "";
    }
    return this.#modified(name, value);
  }

  #name(): string {
    const match = /^(?:[A-Za-z_][A-Za-z0-9_]*|\d+|[@*#?!-])/.exec(this.#text.slice(this.#at));
    if (!match) return "";
    this.#at += match[0].length;
    return match[0];
  }

  #modified(name: string, value: string | undefined): string {
    const modifier = /^(?::[-+?]|[-+?]|##?|%%?|\/\/?)/.exec(this.#text.slice(this.#at))?.[0];
    if (modifier === undefined) {
      throw new ExpansionError(`unsupported modifier (${this.#peek()}) after \${${name} in ${this.#text}`);
    }
    this.#at += modifier.length;
    if (modifier.startsWith("/")) return this.#replaced(value ?? "", modifier === "//");
    const isPattern = /[#%]/.test(modifier);
    const word = isPattern ? this.#pattern("}") : this.#until("}");
    const given = modifier.startsWith(":") ? (value ?? "") !== "" : value !== undefined;
    switch (modifier.at(-1)) {
      case "-":
        return given ? value! : word;
      case "+":
        return given ? word : "";
      case "?":
        if (given) return value!;
        throw new ExpansionError(`${name}: ${word === "" ? "is not allowed to be unset" : word}`);
      case "#":
        return trimStart(value ?? "", word, modifier === "##");
      default:
        return trimEnd(value ?? "", word, modifier === "%%");
    }
  }

  #replaced(value: string, all: boolean): string {
    const pattern = this.#pattern("/");
    const replacement = this.#until("}");
    return value.replace(new RegExp(pattern, all ? "gsu" : "su"), () => replacement);
  }

  /** Up to `stop`, as the source of a regular expression: `*` and `?`, the rest as it stands. */
  #pattern(stop: string): string {
    const outer = this.#inPattern;
    this.#inPattern = true;
    const text = this.#until(stop);
    this.#inPattern = outer;
    let source = "";
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!;
      if (char === "*") source += ".*";
      else if (char === "?") source += ".";
      else source += RegExp.escape(char === this.#options.escape ? (text[++at] ?? char) : char);
    }
    return source;
  }

  #until(stop: string): string {
    const inner = new Words();
    this.#process(inner, stop);
    this.#at++;
    return inner.text;
  }
}

/** `${NAME#pattern}` and `${NAME##pattern}`: without the shortest or longest start that matches. */
function trimStart(value: string, pattern: string, longest: boolean): string {
  const matcher = new RegExp(`^(?:${pattern})$`, "su");
  const ends = Array.from({ length: value.length + 1 }, (_, i) => i);
  const end = (longest ? ends.toReversed() : ends).find((at) => matcher.test(value.slice(0, at)));
  return end === undefined ? value : value.slice(end);
}

function trimEnd(value: string, pattern: string, longest: boolean): string {
  const matcher = new RegExp(`^(?:${pattern})$`, "su");
  const starts = Array.from({ length: value.length + 1 }, (_, i) => i);
  const start = (longest ? starts : starts.toReversed()).find((at) => matcher.test(value.slice(at)));
  return start === undefined ? value : value.slice(0, start);
}

/** What the lexer writes: the whole text, and the words that unquoted white space parts. */
class Words {
  text = "";
  readonly #words: string[] = [];
  #current: string | undefined;

  add(characters: string): void {
    this.text += characters;
    for (const char of characters) {
      if (!/\s/.test(char)) {
        this.#current = (this.#current ?? "") + char;
        continue;
      }
      if (this.#current !== undefined) this.#words.push(this.#current);
      this.#current = undefined;
    }
  }

  addQuoted(characters: string): void {
    this.text += characters;
    this.#current = (this.#current ?? "") + characters;
  }

  end(): string[] {
    return this.#current === undefined ? this.#words : [...this.#words, this.#current];
  }
}
