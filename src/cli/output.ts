import { VirgaError, toVirgaError } from "../base/index.ts";
import { isTerminal, terminalColumns } from "./terminal.ts";
import { fit, printable } from "./text.ts";

/** Rows under headings, columns as wide as they need; on a terminal the widest give way until a line fits. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  room = terminalColumns(),
): string {
  const cells = [headings, ...rows].map((row) => headings.map((_, column) => printable(row[column] ?? "")));
  const needed = headings.map((_, column) => Math.max(...cells.map((row) => Bun.stringWidth(row[column]!))));
  const widths = room === undefined ? needed : shrunk(needed, headings, room);
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        padded(widths[column]! < needed[column]! ? fit(cell, widths[column]!) : cell, widths[column]!),
      )
      .join(gap)
      .trimEnd();
  return `${cells.map(line).join("\n")}\n`;
}

const gap = "   ";

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
}

/** The widest column loses first, down to its heading or eight columns; the first two say what a row is about and stay. */
function shrunk(needed: readonly number[], headings: readonly string[], room: number): readonly number[] {
  const widths = [...needed];
  const least = needed.map((width, column) =>
    column < 2 && needed.length > 3 ? width : Math.min(width, Math.max(8, headings[column]!.length)),
  );
  let excess = widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1)) - room;
  while (excess > 0) {
    const column = widths.reduce(
      (best, width, at) => (width > least[at]! && (best < 0 || width > widths[best]!) ? at : best),
      -1,
    );
    if (column < 0) break;
    widths[column]!--;
    excess--;
  }
  return widths;
}

/** An error as a person reads it: what is wrong, then what to do. */
export function errorText(error: unknown): string {
  const known = toVirgaError(error);
  const cause = known.kind === "internal" && known.cause instanceof Error ? `\n${known.cause.stack}` : "";
  const hint = known.hint === undefined ? "" : `\n  next: ${known.hint}`;
  // Messages may carry what a container wrote.
  return `${paintError("red", "virga:")} ${printable(known.message)}${hint}${cause}\n`;
}

/** Not found, and yet it is the command line or the file that is wrong. */
const wrongRequests = new Set([
  "stack.no-file",
  "stack.no-service",
  "stack.unsupported",
  "cli.no-such-place",
]);

/** 2 for a command line or a file that was wrong, 130 for what was interrupted, 1 for all else. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof VirgaError)) return 1;
  if (error.kind === "cancelled") return 130;
  return error.kind === "invalid" || wrongRequests.has(error.code) ? 2 : 1;
}

type Colour = "green" | "yellow" | "red" | "cyan" | "dim";

const codes: Readonly<Record<Colour, number>> = { green: 32, yellow: 33, red: 31, cyan: 36, dim: 2 };

/** Coloured for stdout, and for stderr; only on a terminal, and not with NO_COLOR. */
export const paint = painter(1);
export const paintError = painter(2);

function painter(fd: 1 | 2): (colour: Colour, text: string) => string {
  return (colour, text) =>
    !process.env["NO_COLOR"] && isTerminal(fd) ? `\u001B[${codes[colour]}m${text}\u001B[0m` : text;
}
