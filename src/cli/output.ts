import { VirgaError, toVirgaError } from "../base/index.ts";

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
  return `virga: ${known.message}${hint}${cause}\n`;
}

/** 2 for a request that was wrong in itself, 130 for an interrupted one, 1 for all else. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof VirgaError)) return 1;
  if (error.kind === "cancelled") return 130;
  return error.kind === "invalid" ? 2 : 1;
}

const colours = process.stdout.isTTY && !process.env["NO_COLOR"];

export function paint(colour: "green" | "yellow" | "red" | "cyan" | "dim", text: string): string {
  const codes = { green: 32, yellow: 33, red: 31, cyan: 36, dim: 2 };
  return colours ? `\u001B[${codes[colour]}m${text}\u001B[0m` : text;
}
