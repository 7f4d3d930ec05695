import { fail } from "../../base/index.ts";
import { jsonOption, type Invocation } from "../command.ts";
import { filterOption } from "../filters.ts";
import { isTerminal, tell } from "../terminal.ts";

export const pruneOptions = {
  force: { type: "boolean", short: "f", help: "without asking", alias: "yes" },
  filter: { ...filterOption.filter, short: "F", help: "only what matches, such as until=24h or label=stage" },
  ...jsonOption,
} as const;

/**
 * Asks whether `what` may go, or what a sentence says may be; --force is yes. Without a terminal to ask on, that is an
 * error.
 */
export async function confirmed(
  invocation: Invocation,
  what: string | { readonly text: string },
): Promise<boolean> {
  if (invocation.flag("force")) return true;
  const text = typeof what === "string" ? `this removes ${what}` : what.text;
  if (!isTerminal(0) || !isTerminal(2)) {
    throw fail("invalid", "cli.not-confirmed", `${text}, and nobody is here to be asked`, {
      hint: "run it again with --force",
    });
  }
  tell(`${text}.`);
  process.stderr.write("Go on? [y/N] ");
  for await (const line of console) return /^y(es)?$/i.test(line.trim());
  return false;
}
