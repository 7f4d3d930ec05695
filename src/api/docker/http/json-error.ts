/**
 * Why `text` is no JSON, in the words of Go's decoder, which Docker's clients and their users know. It reads one value
 * and stops: what comes behind is `unexpected content after JSON`.
 */
export function jsonErrorText(text: string): string {
  const fault = new Scanner(text).run();
  if (fault === "behind") return "unexpected content after JSON";
  return `invalid JSON: ${fault}`;
}

type Expecting = "value" | "value-or-end" | "key" | "key-or-end" | "colon" | "object-next" | "array-next";

const contexts: Readonly<Record<Expecting, string>> = {
  value: "looking for beginning of value",
  "value-or-end": "looking for beginning of value",
  key: "looking for beginning of object key string",
  "key-or-end": "looking for beginning of object key string",
  colon: "after object key",
  "object-next": "after object key:value pair",
  "array-next": "after array element",
};

class Fault extends Error {}

/** States of https://pkg.go.dev/encoding/json, without recursion: input may be as deep as it is long. */
class Scanner {
  #at = 0;
  readonly #open: ("object" | "array")[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  run(): string {
    try {
      let expecting: Expecting | "end" = "value";
      while (expecting !== "end") expecting = this.#step(expecting);
      return "behind";
    } catch (error) {
      if (error instanceof Fault) return error.message;
      throw error;
    }
  }

  #step(expecting: Expecting): Expecting | "end" {
    while (" \t\r\n".includes(this.#peek())) this.#at++;
    const next = this.#peek();
    const accepts = (character: string, ...states: Expecting[]) =>
      next === character && states.includes(expecting);
    if (accepts("}", "key-or-end", "object-next") || accepts("]", "value-or-end", "array-next")) {
      return this.#close();
    }
    if (accepts('"', "key", "key-or-end")) {
      this.#string();
      return "colon";
    }
    if (accepts(":", "colon")) return this.#move("value");
    if (accepts(",", "object-next")) return this.#move("key");
    if (accepts(",", "array-next")) return this.#move("value");
    if (expecting === "value" || expecting === "value-or-end") return this.#value(next);
    throw this.#unexpected(contexts[expecting]);
  }

  #value(next: string): Expecting | "end" {
    if (next === "{" || next === "[") {
      this.#open.push(next === "{" ? "object" : "array");
      return this.#move(next === "{" ? "key-or-end" : "value-or-end");
    }
    const literal = ["true", "false", "null"].find((one) => one.startsWith(next));
    if (next === '"') this.#string();
    else if (/[-\d]/.test(next)) this.#number();
    else if (literal !== undefined) this.#literal(literal);
    else throw this.#unexpected(contexts.value);
    return this.#behind();
  }

  #close(): Expecting | "end" {
    this.#at++;
    this.#open.pop();
    return this.#behind();
  }

  #behind(): Expecting | "end" {
    const inside = this.#open.at(-1);
    return inside === undefined ? "end" : `${inside}-next`;
  }

  #move(to: Expecting): Expecting {
    this.#at++;
    return to;
  }

  #literal(word: string): void {
    for (const character of word) {
      if (this.#peek() !== character) {
        throw this.#unexpected(`in literal ${word} (expecting ${quoted(character)})`);
      }
      this.#at++;
    }
  }

  #number(): void {
    if (this.#peek() === "-") this.#at++;
    if (this.#peek() === "0") this.#at++;
    else this.#digits("in numeric literal");
    if (this.#next() === ".") {
      this.#at++;
      this.#digits("after decimal point in numeric literal");
    }
    if (!/[eE]/.test(this.#next())) return;
    this.#at++;
    if (/[-+]/.test(this.#next())) this.#at++;
    this.#digits("in exponent of numeric literal");
  }

  #digits(context: string): void {
    if (!/\d/.test(this.#peek())) throw this.#unexpected(context);
    while (/\d/.test(this.#next())) this.#at++;
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const character = this.#peek();
      if (character < " ") throw this.#unexpected("in string literal");
      this.#at += character.length;
      if (character === '"') return;
      if (character === "\\") this.#escape();
    }
  }

  #escape(): void {
    const character = this.#peek();
    if (!'bfnrt\\/"u'.includes(character)) throw this.#unexpected("in string escape code");
    this.#at++;
    for (let digits = character === "u" ? 4 : 0; digits > 0; digits--) {
      if (!/[\da-f]/i.test(this.#peek())) {
        throw this.#unexpected(String.raw`in \u hexadecimal character escape`);
      }
      this.#at++;
    }
  }

  /** The next character. Throws where the text ends. */
  #peek(): string {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) throw new Fault("unexpected EOF");
    return String.fromCodePoint(code);
  }

  /** The next character; nothing where the text ends. */
  #next(): string {
    return this.#text.slice(this.#at, this.#at + 1);
  }

  #unexpected(context: string): Fault {
    return new Fault(`invalid character ${quoted(this.#peek())} ${context}`);
  }
}

function quoted(character: string): string {
  if (character === "'") return String.raw`'\''`;
  return character === '"' ? `'"'` : `'${JSON.stringify(character).slice(1, -1)}'`;
}
