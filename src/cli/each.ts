import { errorText, exitCodeOf } from "./output.ts";
import { tell } from "./terminal.ts";

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
