/** Lines of a program's output as a terminal would show them in the end: without escape sequences, what `\r` wrote over. */
export function outputLines(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const last = line.split("\r").findLast((part) => part.trim() !== "");
    const shown = last === undefined ? "" : printable(last).trimEnd();
    return shown === "" ? [] : [shown];
  });
}

/** Without escape sequences and control characters; tabs become spaces, line ends stay. */
export function printable(text: string): string {
  return Bun.stripANSI(text)
    .replaceAll("\t", "    ")
    .replaceAll(/(?!\n)\p{Cc}/gu, "");
}

/** In one line: an instruction over several lines, say. */
export function oneLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, " ")).trim();
}

/** Cut to so many columns, with an ellipsis where something is missing. */
export function fit(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  if (width < 1) return "";
  const cut = Bun.sliceAnsi(text, 0, width - 1);
  // A wide character at the edge is taken whole.
  return `${Bun.stringWidth(cut) < width ? cut : Bun.sliceAnsi(text, 0, width - 2)}…`;
}
