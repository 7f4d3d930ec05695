import { fail, parseDuration } from "../../../base/index.ts";
import type { ApiContext } from "./context.ts";
import { pattern } from "./pattern.ts";
import { json, parseTimestamp } from "./query.ts";

/** The `filters` parameter: for each name the values of which one must match (labels: all). */
export class Filters {
  readonly #values: Map<string, readonly string[]>;
  readonly #patterns = new Map<string, (text: string) => boolean>();

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = new Map(values);
  }

  /** What an old parameter says in the words of a filter. */
  add(name: string, value: string): void {
    this.#values.set(name, [...this.all(name), value]);
  }

  has(name: string): boolean {
    return (this.#values.get(name)?.length ?? 0) > 0;
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** True when the filter is absent or `accepts` one of its values. */
  any(name: string, accepts: (value: string) => boolean): boolean {
    const values = this.all(name);
    return values.length === 0 || values.some(accepts);
  }

  /** True when one of `candidates` is a value of the filter, word for word. */
  exact(name: string, ...candidates: readonly string[]): boolean {
    return this.any(name, (value) => candidates.includes(value));
  }

  /** True when a value is found in one of `candidates`, as a regular expression or as plain text (Docker's rule). */
  matches(name: string, ...candidates: readonly string[]): boolean {
    return this.any(name, (value) => candidates.some((one) => one === value || this.#finds(value, one)));
  }

  #finds(source: string, text: string): boolean {
    let test = this.#patterns.get(source);
    if (test === undefined) this.#patterns.set(source, (test = pattern(source)));
    return test(text);
  }

  /** `label=KEY` and `label=KEY=VALUE`, all of them; `label!` none of them. */
  labels(labels: Readonly<Record<string, string>>): boolean {
    return (
      this.all("label").every((wanted) => hasLabel(labels, wanted)) &&
      !this.all("label!").some((wanted) => hasLabel(labels, wanted))
    );
  }

  /** A yes or no filter. Throws `invalid`. */
  flag(name: string): boolean | undefined {
    const values = new Set(this.all(name).map((value) => truth[value.toLowerCase()]));
    if (values.size === 0) return undefined;
    if (values.size > 1 || values.has(undefined)) {
      throw fail("invalid", "api.invalid-filter", `invalid filter '${name}=[${this.all(name).join(" ")}]'`);
    }
    return values.has(true);
  }

  /** A point in time: a timestamp, or a duration counted back from `now`. Throws `invalid`. */
  time(name: string, now: Date): Date | undefined {
    const value = this.all(name)[0];
    if (value === undefined) return undefined;
    const ns = parseTimestamp(value);
    return ns === undefined
      ? new Date(now.getTime() - parseDuration(value))
      : new Date(Number(ns / 1_000_000n));
  }
}

const truth: Record<string, boolean> = { "1": true, true: true, t: true, "0": false, false: false, f: false };

/** Reads `filters`; `known` are the names that the endpoint takes. Throws `invalid` for others. */
export function readFilters(c: ApiContext, known: readonly string[]): Filters {
  const value = json(c, "filters");
  const values = new Map<string, string[]>();
  if (value !== undefined && value !== null) {
    if (typeof value !== "object" || Array.isArray(value)) throw badFilters("it must be an object");
    for (const [name, raw] of Object.entries(value)) {
      const list = filterValues(raw);
      if (list === undefined) throw badFilters(`the values of '${name}' must be a list of texts`);
      if (!known.includes(name)) throw fail("invalid", "api.invalid-filter", `invalid filter '${name}'`);
      values.set(name, list);
    }
  }
  return new Filters(values);
}

/** `["a"]`, or `{"a": true}` as clients before API 1.22 and the Go client write it. */
function filterValues(raw: unknown): string[] | undefined {
  if (Array.isArray(raw)) return raw.every((one) => typeof one === "string") ? raw : undefined;
  if (typeof raw !== "object" || raw === null) return undefined;
  return Object.entries(raw).flatMap(([name, on]) => (on === true ? [name] : []));
}

function badFilters(why: string): Error {
  return fail("invalid", "api.invalid-filter", `invalid filters: ${why}`);
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const name = wanted.slice(0, equals);
  return Object.hasOwn(labels, name) && labels[name] === wanted.slice(equals + 1);
}
