import { fail } from "./errors.ts";

/** ctrl-p ctrl-q. */
const defaultKeys: readonly number[] = [16, 17];

/** The bytes of `ctrl-p,ctrl-q`, `a`, `ctrl-@,x`; the default when empty. Throws `invalid`. */
export function parseDetachKeys(text: string | undefined): readonly number[] {
  if (text === undefined || text === "") return defaultKeys;
  return text.split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control === undefined) {
      throw fail("invalid", "attach.detach-keys", `Invalid detach keys (${text}) provided`);
    }
    return control === "@" ? 0 : control.toUpperCase().charCodeAt(0) - 64;
  });
}

/**
 * Watches typed bytes for the detach keys. A part of the sequence is held back until the next byte decides, so that
 * the process never sees the keys that detach.
 */
export class DetachWatcher {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What the process is to get of `input`, and whether the sequence is complete. */
  feed(input: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean } {
    const pass: Uint8Array[] = [];
    let at = 0;
    while (at < input.length) {
      if (this.#matched === 0) {
        // Most input has no key of the sequence in it at all.
        const next = input.indexOf(this.#keys[0]!, at);
        const end = next < 0 ? input.length : next;
        pass.push(input.subarray(at, end));
        at = end;
        if (next < 0) break;
      }
      if (input[at] === this.#keys[this.#matched]) {
        this.#matched++;
        at++;
        if (this.#matched === this.#keys.length) return { pass: joined(pass), detached: true };
      } else {
        pass.push(Uint8Array.from(this.#keys.slice(0, this.#matched)));
        this.#matched = 0;
      }
    }
    return { pass: joined(pass), detached: false };
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
