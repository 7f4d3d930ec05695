import { VirgaError, toVirgaError } from "../base/index.ts";
import { printable } from "./text.ts";

/** Rows under headings, columns as wide as they need. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + " ".repeat(Math.max(0, widths[column]! - Bun.stringWidth(cell))))
      .join("   ")
      .trimEnd();
  return `${[headings, ...rows].map(line).join("\n")}\n`;
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
export const paint = painter(process.stdout);
export const paintError = painter(process.stderr);

function painter(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  const isColoured = stream.isTTY && !process.env["NO_COLOR"];
  return (colour, text) => (isColoured ? `\u001B[${codes[colour]}m${text}\u001B[0m` : text);
}
