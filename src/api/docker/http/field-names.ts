import type { z } from "zod";

/**
 * `value` with the field names as the schema writes them. Go's decoder, and with it Docker, takes `hostconfig` for
 * `HostConfig`; a field in its own spelling counts before one that is spelled otherwise. Keys of maps (labels) stay.
 */
export function withFieldNames(value: unknown, schema: z.ZodType): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { def } = (schema as unknown as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
      return withFieldNames(value, def.innerType as z.ZodType);
    case "array":
      if (!Array.isArray(value)) return value;
      return value.map((one) => withFieldNames(one, def.element as z.ZodType));
    case "record":
      if (Array.isArray(value)) return value;
      return mapEntries(value, (name, one) => [name, withFieldNames(one, def.valueType as z.ZodType)]);
    case "object":
      return Array.isArray(value) ? value : inShape(value, def.shape as Shape);
    default:
      return value;
  }
}

type Shape = Readonly<Record<string, z.ZodType>>;

function inShape(value: object, shape: Shape): object {
  const spelled = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  return mapEntries(value, (given, one) => {
    const name = Object.hasOwn(shape, given) ? given : spelled.get(given.toLowerCase());
    if (name === undefined || (name !== given && Object.hasOwn(value, name))) return [given, one];
    return [name, withFieldNames(one, shape[name]!)];
  });
}

function mapEntries(value: object, map: (name: string, one: unknown) => [string, unknown]): object {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => map(name, one)));
}
