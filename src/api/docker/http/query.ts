import { checkJson, fail } from "../../../base/index.ts";
import type { ApiContext } from "./context.ts";

/** Go's way to read a flag: absent, empty, `0`, `no`, `false` and `none` are false; all else is true. */
export function flag(c: ApiContext, name: string, otherwise = false): boolean {
  const text = c.req.query(name);
  if (text === undefined) return otherwise;
  return !["", "0", "no", "false", "none"].includes(text.trim().toLowerCase());
}

/** A whole number, or undefined when the parameter is absent or empty. Throws `invalid` naming it. */
export function integer(c: ApiContext, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value)) {
    throw fail("invalid", "api.bad-parameter", `invalid value for ${name}: '${text}' is no whole number`);
  }
  return value;
}

/** Text, or undefined when the parameter is absent or empty. */
export function text(c: ApiContext, name: string): string | undefined {
  const value = c.req.query(name);
  return value === undefined || value === "" ? undefined : value;
}

/** A parameter that must be there. Throws `invalid`. */
export function requiredText(c: ApiContext, name: string): string {
  const value = text(c, name);
  if (value === undefined) throw fail("invalid", "api.bad-parameter", `bad parameter: ${name} is required`);
  return value;
}

/** A side of a terminal, in Docker's words: `what` is its name there. Throws `invalid`. */
export function terminalSide(c: ApiContext, name: string, what: "height" | "width"): number {
  const value = c.req.query(name) ?? "";
  const [, sign, digits] = /^(-?)(\d+)$/.exec(value) ?? [];
  const wrong = (why: string) =>
    fail("invalid", "api.bad-parameter", `invalid resize ${what} ${JSON.stringify(value)}: ${why}`);
  if (digits === undefined) throw wrong("invalid syntax");
  if (sign === "-" || Number(digits) >= 2 ** 32) throw wrong("value out of range");
  return Number(digits);
}

/** Nanoseconds since the epoch of `SECONDS[.FRACTION]`; undefined when absent or 0. Throws `invalid`. */
export function timestamp(c: ApiContext, name: string): bigint | undefined {
  const ns = instant(c, name);
  return ns === 0n ? undefined : ns;
}

/** As `timestamp`, where 0 is the beginning of time. */
export function instant(c: ApiContext, name: string): bigint | undefined {
  const value = text(c, name);
  if (value === undefined) return undefined;
  const ns = parseTimestamp(value);
  if (ns === undefined) throw fail("invalid", "api.bad-parameter", `invalid value for ${name}: '${value}'`);
  return ns;
}

export function parseTimestamp(value: string): bigint | undefined {
  const match = /^(-?\d+)(?:\.(\d{1,9})\d*)?$/.exec(value);
  if (match) return BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : BigInt(date) * 1_000_000n;
}

/** A parameter that holds JSON; undefined when absent or empty. Throws `invalid` naming it. */
export function json(c: ApiContext, name: string): unknown {
  const value = text(c, name);
  if (value === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (cause) {
    throw fail("invalid", "api.bad-parameter", `invalid value for ${name}: it is not JSON`, { cause });
  }
  checkJson(parsed, `invalid value for ${name}`);
  return parsed;
}
