import { fail } from "../../../base/index.ts";

/** What becomes of a field of a request. Tables of these are the single place that says so; docs are made of them. */
export type FieldRule =
  | ({ readonly support: "supported" } & Parts)
  /** Some values work; the others fail by themselves, or come with a warning. */
  | ({ readonly support: "partly"; readonly which: string } & Parts)
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

/** The fields of the object itself, of each object of the list, or (`map`) of each object by name. */
interface Parts {
  readonly fields?: () => FieldTable;
  readonly map?: true;
}

export type FieldTable = Readonly<Record<string, FieldRule>>;

export const supported: FieldRule = { support: "supported" };
export const refused: FieldRule = { support: "refused" };

export function partly(which: string): FieldRule {
  return { support: "partly", which };
}

/** Supported, with fields of its own; a function, so that the whole can stand before its parts. */
export function within(fields: () => FieldTable): FieldRule {
  return { support: "supported", fields };
}

/** Supported: a map of objects with these fields. */
export function mapOf(fields: () => FieldTable): FieldRule {
  return { support: "supported", fields, map: true };
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
    const parts = partsOf(rule);
    if (parts !== undefined) {
      for (const one of objectsIn(value, "map" in rule)) checkFields(one, parts, `${at}${name}.`);
    }
    if (rule.support !== "refused") continue;
    if (rule.defaults?.some((one) => Bun.deepEquals(one, value)) === true) continue;
    if (rule.words !== undefined) throw fail("invalid", "api.refused-field", rule.words);
    const instead = rule.instead === undefined ? {} : { hint: rule.instead };
    throw fail("unimplemented", "api.unsupported-field", `${at}${name} is not supported`, instead);
  }
}

/** The table of the fields inside; undefined when there is none. */
export function partsOf(rule: FieldRule): FieldTable | undefined {
  return rule.support === "supported" || rule.support === "partly" ? rule.fields?.() : undefined;
}

function objectsIn(value: unknown, map: boolean): object[] {
  if (typeof value !== "object" || value === null) return [];
  const values: unknown[] = Array.isArray(value) ? value : map ? Object.values(value).flat() : [value];
  return values.filter((one) => typeof one === "object" && one !== null);
}

/** Go's empty values: what a client sends for a field that nobody has set. */
export function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.values(value).every(isUnset);
}
