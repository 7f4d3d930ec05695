import { fail } from "../../../base/index.ts";

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
    const pass: number[] = [];
    for (const byte of input) {
      if (byte !== this.#keys[this.#matched]) {
        pass.push(...this.#keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
      } else {
        pass.push(byte);
      }
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
