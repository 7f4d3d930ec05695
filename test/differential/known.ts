import type { Difference } from "./compare.ts";
import { knownDifferences } from "./known-differences.ts";
import { literal, matches } from "./paths.ts";

type Patterns = string | readonly string[];

/** Reviewed differences between Docker 20.10 and Virga, and why they are there. Patterns have `*` for anything. */
export interface KnownDifference {
  readonly cases: Patterns;
  /** Of the request, `GET /containers/a/json`; all when it is missing. */
  readonly request?: Patterns;
  /** Each of them is to be seen. */
  readonly at: Patterns;
  /**
   * What each says; anything when it is missing. A text is a pattern, `<number>` any number; for Virga `{docker}` in it
   * stands for what Docker says, `{docker in lower case}` for that with a small first letter.
   */
  readonly docker?: unknown;
  readonly virga?: unknown;
  /** Instead: what Docker says and what Virga says, each of them to be seen. */
  readonly pairs?: readonly (readonly [docker: unknown, virga: unknown])[];
  readonly reason: string;
  readonly link?: string;
}

interface Expected extends KnownDifference {
  readonly at: string;
}

/** Each difference for itself. */
export const expected: readonly Expected[] = knownDifferences.flatMap(({ pairs, ...known }) =>
  list(known.at).flatMap((at): Expected[] =>
    pairs === undefined
      ? [{ ...known, at }]
      : pairs.map(([docker, virga]) => ({ ...known, at, docker, virga })),
  ),
);

/** The places in `expected` of a difference. */
export function isKnown(difference: Difference): number[] {
  return expected.flatMap((known, index) => {
    const same =
      anyMatches(known.cases, difference.case) &&
      (known.request === undefined || anyMatches(known.request, difference.request)) &&
      matches(known.at, difference.at) &&
      agrees(known.docker, difference.docker, "") &&
      agrees(known.virga, difference.virga, difference.docker);
    return same ? [index] : [];
  });
}

function list(patterns: Patterns): readonly string[] {
  return typeof patterns === "string" ? [patterns] : patterns;
}

function anyMatches(patterns: Patterns, text: string): boolean {
  return list(patterns).some((pattern) => matches(pattern, text));
}

function agrees(wanted: unknown, value: unknown, docker: unknown): boolean {
  if (wanted === undefined || (wanted === "<number>" && typeof value === "number")) return true;
  if (typeof wanted !== "string" || typeof value !== "string") return Bun.deepEquals(wanted, value);
  const text = String(docker);
  const lower = text.slice(0, 1).toLowerCase() + text.slice(1);
  return matches(
    wanted.replace("{docker}", literal(text)).replace("{docker in lower case}", literal(lower)),
    value,
  );
}
