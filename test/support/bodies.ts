import { z } from "zod";

/** A JSON Schema as zod writes it, as far as bodies of requests go. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

type Kind = "text" | "whole" | "number" | "flag" | "list" | "map";

/** A field of a body: how it is reached, and what it may be. A key of a map or an index of a list is a step too. */
export interface Field {
  readonly path: readonly (string | number)[];
  readonly kinds: ReadonlySet<Kind>;
}

/** Every field that a request's body may have, the body itself among them, each with the kinds of value it takes. */
export function fieldsOf(schema: z.ZodType, key = "eth0"): Field[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;
  const found = new Map<string, Field>();
  const visit = (one: Schema, path: readonly (string | number)[]) => {
    const kinds = new Set<Kind>();
    for (const option of optionsOf(one)) {
      for (const kind of kindsOf(option)) kinds.add(kind);
      for (const [name, property] of Object.entries(option.properties ?? {}))
        visit(property, [...path, name]);
      if (typeof option.additionalProperties === "object") visit(option.additionalProperties, [...path, key]);
      if (option.items !== undefined) visit(option.items, [...path, 0]);
    }
    const known = found.get(path.join("\0"));
    // What is said of a field nowhere (`unknown`) is checked by the code behind, not by its kind.
    if (kinds.size > 0)
      found.set(path.join("\0"), { path, kinds: new Set([...(known?.kinds ?? []), ...kinds]) });
  };
  visit(root, []);
  return [...found.values()];
}

function optionsOf(schema: Schema): readonly Schema[] {
  return schema.anyOf?.flatMap(optionsOf) ?? [schema];
}

function kindsOf({ type, properties, additionalProperties }: Schema): Kind[] {
  const types = typeof type === "string" ? [type] : (type ?? []);
  const byType: Record<string, Kind> = {
    string: "text",
    integer: "whole",
    number: "number",
    boolean: "flag",
    array: "list",
    object: "map",
  };
  const kinds = types.flatMap((one) => byType[one] ?? []);
  return kinds.length === 0 && (properties ?? additionalProperties) !== undefined ? ["map"] : kinds;
}

/** A value of each kind that a field does not take. */
export function wrongValues({ kinds }: Field): unknown[] {
  const values: Record<Kind, unknown> = {
    text: "text",
    whole: 12,
    number: 1.5,
    flag: true,
    list: [[]],
    map: { a: { b: 1 } },
  };
  const accepts = (kind: Kind) => kinds.has(kind) || (kind === "whole" && kinds.has("number"));
  return (Object.keys(values) as Kind[]).filter((kind) => !accepts(kind)).map((kind) => values[kind]);
}

/** Texts and numbers that a field takes by their kind, and that nobody means well. */
export function hostileValues({ kinds }: Field): unknown[] {
  return [...(kinds.has("text") ? hostileTexts : []), ...(kinds.has("whole") ? hostileWholes : [])];
}

export const hostileTexts: readonly string[] = [
  "a\0b",
  "a\nb: c",
  "\u001B[2J\u001B]0;title\u0007",
  "../../../../etc/passwd",
  "/../..",
  "--privileged",
  " ",
  "${HOME}$(id)`id`;id|id'\"\\",
  "аdmin\u202Egnp", // a Cyrillic letter, and writing from right to left
  "\uD800", // half of a character
  "constructor",
  "9".repeat(400),
  "🦀".repeat(5000),
  "x".repeat(1024 * 1024),
];

export const hostileWholes: readonly number[] = [
  -1,
  -(2 ** 31) - 1,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  2 ** 64,
  1e300,
];

/** `body` with `value` where `path` leads; what is missing on the way is made. */
export function withField(body: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy = (Array.isArray(body) ? [...(body as unknown[])] : { ...(body as object) }) as Record<
    string | number,
    unknown
  >;
  const inner: unknown = copy[step] ?? (typeof rest[0] === "number" ? [] : {});
  copy[step] = withField(inner, rest, value);
  return copy;
}
