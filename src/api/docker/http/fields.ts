import { fail } from "../../../base/index.ts";

/** What becomes of a field of a request. Tables of these are the single place that says so; docs are made of them. */
export type FieldRule =
  | { readonly support: "supported" }
  /** Some values work; the others fail by themselves, or come with a warning. */
  | { readonly support: "partly"; readonly which: string }
  /** Set to anything but a default, the request fails and names it. `defaults` adds to Go's empty values. */
  | {
      readonly support: "refused";
      readonly defaults?: readonly unknown[];
      readonly instead?: string;
      /** Docker's words, where Docker refuses it, too. */
      readonly words?: string;
    }
  /** Accepted without an effect, because it has none here. */
  | { readonly support: "no-effect"; readonly why: string };

export type FieldTable = Readonly<Record<string, FieldRule>>;

export const supported: FieldRule = { support: "supported" };
export const refused: FieldRule = { support: "refused" };

export function partly(which: string): FieldRule {
  return { support: "partly", which };
}

export function noEffect(why: string): FieldRule {
  return { support: "no-effect", why };
}

/**
 * Throws `unimplemented` for a field that is known and not supported, `invalid` for one that is not known, each by
 * its name; values that mean "not set" pass, since clients send them always.
 */
export function checkFields(body: object, table: FieldTable, at: string): void {
  for (const [name, value] of Object.entries(body)) {
    const rule = Object.hasOwn(table, name) ? table[name] : undefined;
    if (isUnset(value)) continue;
    if (rule === undefined) {
      throw fail("invalid", "api.unknown-field", `${at}${name} is not a field that this daemon knows`);
    }
    if (rule.support !== "refused") continue;
    if (rule.defaults?.some((one) => Bun.deepEquals(one, value)) === true) continue;
    if (rule.words !== undefined) throw fail("invalid", "api.refused-field", rule.words);
    const instead = rule.instead === undefined ? {} : { hint: rule.instead };
    throw fail("unimplemented", "api.unsupported-field", `${at}${name} is not supported`, instead);
  }
}

/** Go's empty values: what a client sends for a field that nobody has set. */
export function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.values(value).every(isUnset);
}
