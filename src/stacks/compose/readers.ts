import { homedir } from "node:os";
import { resolve } from "node:path";
import { parseBytes, parseDuration, suggestion } from "../../base/index.ts";
import type { Problems } from "./problems.ts";
import { describe, isNull, type Node, type ScalarNode } from "./tree.ts";
import { splitWords } from "./words.ts";

/**
 * Turns a node into a value, or tells `problems` what is wrong with it and returns undefined. `path` is the node's
 * place as errors show it: `services.web.ports[0]`.
 */
export type Reader<T> = (node: Node, path: string, problems: Problems) => T | undefined;

export type Keys = Readonly<Record<string, Reader<unknown>>>;
export type Read<K> = { readonly [P in keyof K]?: K[P] extends Reader<infer T> ? T : never };
export type ValueOf<R> = R extends Reader<infer T> ? T : never;

/** What is known about the keys of a mapping, beside how to read them. */
export interface KeyNotes {
  /** Keys of the specification that are refused, with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Keys that are accepted with a warning, since they ask for nothing that one machine can do. */
  readonly hints?: Readonly<Record<string, string>>;
  /** For the documentation: what is special about a supported key. */
  readonly notes?: Readonly<Record<string, string>>;
  readonly required?: readonly string[];
}

/** Reads a mapping with known keys. `x-…` is left alone; a null value counts as absent. */
export function object<K extends Keys>(keys: K, about: KeyNotes = {}): Reader<Read<K>> {
  const known = [
    ...Object.keys(keys),
    ...Object.keys(about.refused ?? {}),
    ...Object.keys(about.hints ?? {}),
  ];
  return (node, path, problems) => {
    if (node.kind !== "map") return expected(node, path, problems, "a mapping");
    const result: [string, unknown][] = [];
    for (const [key, { keyAt, value }] of node.entries) {
      const below = path === "" ? key : `${path}.${key}`;
      if (key.startsWith("x-") && !Object.hasOwn(keys, key)) continue;
      const refused = own(about.refused, key);
      const hint = own(about.hints, key);
      const reader = own(keys, key);
      if (refused !== undefined)
        problems.unimplemented(keyAt, below, `'${key}' is not supported: ${refused}`);
      else if (hint !== undefined) problems.warn(keyAt, `${below} has no effect here: ${hint}`);
      else if (!reader) {
        problems.invalid(keyAt, path, `unknown key '${key}'${suggestion(key, known)}`);
      } else if (!isNull(value)) {
        const read = reader(value, below, problems);
        if (read !== undefined) result.push([key, read]);
      }
    }
    for (const key of about.required ?? []) {
      if (!node.entries.has(key)) problems.invalid(node.at, path, `'${key}' is missing`);
    }
    return Object.fromEntries(result) as Read<K>;
  };
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Says what stood at `node` and what should have. */
export function expected(node: Node, path: string, problems: Problems, what: string): undefined {
  problems.invalid(node.at, path, `${describe(node)} found, expected ${what}`);
  return undefined;
}

function scalar(node: Node, path: string, problems: Problems, what: string): ScalarNode | undefined {
  if (node.kind === "scalar" && node.value !== null) return node;
  return expected(node, path, problems, what);
}

/** A string; a number is taken as it is written. */
export const text: Reader<string> = (node, path, problems) => {
  const value = scalar(node, path, problems, "a string");
  if (value && typeof value.value === "boolean")
    return expected(node, path, problems, `a string: write '${value.text}' in quotes`);
  return value?.text;
};

export function matching(pattern: RegExp, what: string): Reader<string> {
  return (node, path, problems) => {
    const value = scalar(node, path, problems, what);
    if (value && !pattern.test(value.text)) return expected(node, path, problems, what);
    return value?.text;
  };
}

export function choice<const T extends string>(...values: readonly T[]): Reader<T> {
  return (node, path, problems) => {
    const what = values.length === 1 ? values[0]! : `one of ${values.join(", ")}`;
    const value = scalar(node, path, problems, what)?.text as T | undefined;
    if (value !== undefined && !values.includes(value)) {
      problems.invalid(node.at, path, `'${value}' found, expected ${what}${suggestion(value, values)}`);
      return undefined;
    }
    return value;
  };
}

const truths: Record<string, boolean> = {
  true: true, yes: true, on: true, y: true, "1": true,
  false: false, no: false, off: false, n: false, "0": false,
}; // prettier-ignore

export const flag: Reader<boolean> = (node, path, problems) => {
  const value = scalar(node, path, problems, "true or false");
  if (!value) return undefined;
  return own(truths, value.text.toLowerCase()) ?? expected(node, path, problems, "true or false");
};

export function integer(range: { readonly min?: number; readonly max?: number } = {}): Reader<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
  const bounds = [
    range.min === undefined ? "" : `of at least ${min}`,
    range.max === undefined ? "" : `of at most ${max}`,
  ];
  const what = `a whole number ${bounds.filter(Boolean).join(" and ")}`.trim();
  return (node, path, problems) => {
    const value = scalar(node, path, problems, what);
    if (!value) return undefined;
    const number = /^[+-]?\d+$/.test(value.text) ? Number(value.text) : Number.NaN;
    return number >= min && number <= max ? number : expected(node, path, problems, what);
  };
}

/** A number of CPUs: 0.5, "2". */
export const decimal: Reader<number> = (node, path, problems) => {
  const value = scalar(node, path, problems, "a number such as 0.5");
  if (!value) return undefined;
  return /^\d+(\.\d*)?$|^\.\d+$/.test(value.text)
    ? Number(value.text)
    : expected(node, path, problems, "a number such as 0.5");
};

/** Bytes; with `unlimited`, -1 too. */
export function bytes(options: { readonly unlimited?: boolean } = {}): Reader<number> {
  const what = `a size such as 512m, 1gb or a number of bytes${options.unlimited ? ", or -1 for no limit" : ""}`;
  return (node, path, problems) => {
    const value = scalar(node, path, problems, what);
    if (!value) return undefined;
    if (options.unlimited && value.text.trim() === "-1") return -1;
    return attempt(() => parseBytes(value.text)) ?? expected(node, path, problems, what);
  };
}

/** Milliseconds. */
export const duration: Reader<number> = (node, path, problems) => {
  const what = "a duration such as 30s or 1m30s";
  const value = scalar(node, path, problems, what);
  if (!value) return undefined;
  return attempt(() => parseDuration(value.text)) ?? expected(node, path, problems, what);
};

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** File permissions: `0440`, `0o440` or `"440"`. */
export const mode: Reader<number> = (node, path, problems) => {
  const what = "permissions in octal, with a leading zero: 0440";
  const value = scalar(node, path, problems, what);
  if (!value) return undefined;
  const match = /^(?:0o?)?([0-7]{1,4})$/.exec(value.text);
  // A plain 440 is a decimal number for YAML and an octal one for its writer; asking is better than guessing.
  if (!match || (value.plain && !value.text.startsWith("0"))) return expected(node, path, problems, what);
  return Number.parseInt(match[1]!, 8);
};

export function listOf<T>(item: Reader<T>, what = "a list"): Reader<readonly T[]> {
  return (node, path, problems) => {
    if (node.kind !== "list") return expected(node, path, problems, what);
    const items = node.items.map((one, index) => item(one, `${path}[${index}]`, problems));
    return items.filter((one) => one !== undefined);
  };
}

/** A list, or a single item. */
export function oneOrMore<T>(item: Reader<T>): Reader<readonly T[]> {
  const list = listOf(item);
  return (node, path, problems) => {
    if (node.kind === "list") return list(node, path, problems);
    const one = item(node, path, problems);
    return one === undefined ? undefined : [one];
  };
}

/** A mapping whose keys the user chooses. `empty` stands for a null value. */
export function mapOf<T>(
  item: Reader<T>,
  options: { readonly key?: RegExp; readonly keyWhat?: string; readonly empty?: () => T } = {},
): Reader<Readonly<Record<string, T>>> {
  return (node, path, problems) => {
    if (node.kind !== "map") return expected(node, path, problems, "a mapping");
    const result: [string, T][] = [];
    for (const [key, { keyAt, value }] of node.entries) {
      if (key.startsWith("x-") && options.key) continue;
      const below = `${path}.${key}`;
      if (options.key && !options.key.test(key)) {
        problems.invalid(keyAt, path, `'${key}' is not a valid name: expected ${options.keyWhat}`);
        continue;
      }
      const read = isNull(value) && options.empty ? options.empty() : item(value, below, problems);
      if (read !== undefined) result.push([key, read]);
    }
    return Object.fromEntries(result);
  };
}

export type Pairs = Readonly<Record<string, string | null>>;

/** A mapping of scalars, or a list of `NAME=VALUE`; null where no value is given. */
export const pairs: Reader<Pairs> = (node, path, problems) => {
  if (node.kind === "list") {
    const entries = node.items.map((item, index): [string, string | null] | undefined => {
      const value = scalar(item, `${path}[${index}]`, problems, "NAME=VALUE")?.text;
      if (value === undefined) return undefined;
      const equals = value.indexOf("=");
      if (equals === 0) return expected(item, `${path}[${index}]`, problems, "NAME=VALUE");
      return equals < 0 ? [value, null] : [value.slice(0, equals), value.slice(equals + 1)];
    });
    return Object.fromEntries(entries.filter((entry) => entry !== undefined));
  }
  if (node.kind !== "map") return expected(node, path, problems, "a mapping, or a list of NAME=VALUE");
  const entries = [...node.entries].map(([key, { value }]): [string, string | null] | undefined => {
    if (value.kind !== "scalar")
      return expected(value, `${path}.${key}`, problems, "a string, a number or a boolean");
    return [key, value.value === null ? null : value.text];
  });
  return Object.fromEntries(entries.filter((entry) => entry !== undefined));
};

/** As `pairs`, with an empty string where no value is given. */
export const labels: Reader<Readonly<Record<string, string>>> = (node, path, problems) => {
  const read = pairs(node, path, problems);
  return read && Object.fromEntries(Object.entries(read).map(([key, value]) => [key, value ?? ""]));
};

/** A list of words, or a string that is split like a shell would (no variables, no globs). */
export const command: Reader<readonly string[]> = (node, path, problems) => {
  if (node.kind === "list") return listOf(text)(node, path, problems);
  const value = scalar(node, path, problems, "a string or a list of strings");
  if (!value) return undefined;
  const words = splitWords(value.text);
  if (typeof words === "string") {
    problems.invalid(node.at, path, words);
    return undefined;
  }
  return words;
};

/** A path on this machine, made absolute from the file's project directory; `~` is the caller's home. */
export const hostPath: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  return value === undefined ? undefined : resolvePath(value, node);
};

export function resolvePath(path: string, node: Node): string {
  if (path === "~" || path.startsWith("~/")) {
    return resolve(node.at.source.variable("HOME") ?? homedir(), path.slice(2));
  }
  return resolve(node.at.source.directory, path);
}
