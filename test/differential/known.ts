import type { Difference } from "./compare.ts";
import { knownDifferences } from "./known-differences.ts";
import { literal, matches } from "./paths.ts";

/** A reviewed difference between Docker 20.10 and Virga, and why it is one. Patterns have `*` for anything. */
export interface KnownDifference {
  readonly cases: string;
  /** Of the request, `GET /containers/a/json`; all when it is missing. */
  readonly request?: string;
  readonly at: string;
  /**
   * What each says; anything when it is missing. A text is a pattern; for Virga `{docker}` in it stands for what Docker
   * says, `{docker in lower case}` for that with a small first letter.
   */
  readonly docker?: unknown;
  readonly virga?: unknown;
  readonly reason: string;
}

/** The entries that a difference is listed by. */
export function isKnown(difference: Difference): number[] {
  return knownDifferences.flatMap((known, index) => {
    const same =
      matches(known.cases, difference.case) &&
      (known.request === undefined || matches(known.request, difference.request)) &&
      matches(known.at, difference.at) &&
      agrees(known.docker, difference.docker, "") &&
      agrees(known.virga, difference.virga, difference.docker);
    return same ? [index] : [];
  });
}

function agrees(wanted: unknown, value: unknown, docker: unknown): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted !== "string" || typeof value !== "string") return Bun.deepEquals(wanted, value);
  const text = String(docker);
  const lower = text.slice(0, 1).toLowerCase() + text.slice(1);
  return matches(
    wanted.replace("{docker}", literal(text)).replace("{docker in lower case}", literal(lower)),
    value,
  );
}
