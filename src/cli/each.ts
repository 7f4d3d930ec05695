import { errorText, exitCodeOf } from "./output.ts";
import type { Invocation } from "./command.ts";
import { print, printJson, tell } from "./terminal.ts";

/** `work` on one name after the other, side by side; each failure is told, and the others go on. The exit code. */
export async function each(
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<number> {
  const codes = await Promise.all(
    names.map(async (name) => {
      try {
        await work(name);
        return 0;
      } catch (error) {
        tell(errorText(error));
        return exitCodeOf(error);
      }
    }),
  );
  return Math.max(0, ...codes);
}

/** As `each`, for commands that print the names they worked on: a line each, or one list with --json. */
export async function eachNamed(
  invocation: Invocation,
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<number> {
  const done: string[] = [];
  const code = await each(names, async (name) => {
    // False: there was nothing to do, and nothing to print.
    if ((await work(name)) === false) return;
    done.push(name);
    if (!invocation.flag("json")) print(name);
  });
  if (invocation.flag("json")) printJson(done);
  return code;
}
