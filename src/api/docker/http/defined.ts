type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** `fields` without those that are undefined, as `exactOptionalPropertyTypes` wants optional ones left out. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** Undefined for what Go clients send for "not set": null, an empty text, an empty list or map. */
export function filled<T>(value: T | null | undefined): T | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  if (Array.isArray(value)) return value.length > 0 ? value : undefined;
  if (typeof value === "object" && Object.keys(value).length === 0) return undefined;
  return value;
}

/** As `filled`, for numbers: 0 means "not set" too. */
export function nonZero(value: number | null | undefined): number | undefined {
  return value === null || value === undefined || value === 0 ? undefined : value;
}

/** True or undefined: a flag that is off is left out. */
export function whenTrue(value: boolean | null | undefined): true | undefined {
  return value === true ? true : undefined;
}
