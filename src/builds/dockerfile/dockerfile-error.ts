import { fail, type VirgaError } from "../../base/index.ts";

/** A place in a Dockerfile that an error speaks of. Lines count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly keyword: string;
}

/** `invalid` with the file, the line and the instruction before what was wrong: `Dockerfile:3: COPY: …`. */
export function dockerfileError(
  code: `dockerfile.${string}`,
  place: SourcePlace,
  message: string,
  hint?: string,
): VirgaError {
  const where = place.keyword === "" ? "" : ` ${place.keyword}:`;
  const text = `${place.file}:${place.line}:${where} ${message}`;
  return fail("invalid", code, text, hint === undefined ? {} : { hint });
}

/** `unimplemented`, for what Docker's builder knows and this one does not. */
export function notSupported(place: SourcePlace, what: string, hint?: string): VirgaError {
  const text = `${place.file}:${place.line}: ${place.keyword}: ${what} is not supported`;
  return fail("unimplemented", "dockerfile.unsupported", text, hint === undefined ? {} : { hint });
}

/** The one of `known` that is nearest to `word`, when it is near enough to be what was meant. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, rows[i - 2]![j - 2]! + 1);
      }
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
