import { fail } from "../base/index.ts";
import { isTerminal } from "./terminal.ts";

/** `hint`: how to do without being asked. */
function needTerminal(hint: string): void {
  if (isTerminal(0)) return;
  throw fail("invalid", "cli.no-terminal", "nobody is here to be asked", { hint });
}

export async function ask(question: string, hint: string): Promise<string> {
  needTerminal(hint);
  process.stderr.write(question);
  for await (const line of console) return line.trim();
  return "";
}

/** Without an echo, to the end of the line. */
export async function askHidden(question: string, hint: string): Promise<string> {
  needTerminal(hint);
  process.stderr.write(question);
  process.stdin.setRawMode(true);
  try {
    let typed = "";
    for await (const chunk of process.stdin) {
      for (const key of String(chunk)) {
        if (key === "\r" || key === "\n") return typed;
        if (key === "\u0003") throw fail("cancelled", "cli.interrupted", "interrupted");
        typed = key === "\u007F" ? typed.slice(0, -1) : typed + key;
      }
    }
    return typed;
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write("\n");
  }
}
