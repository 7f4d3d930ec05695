import { constants } from "node:os";
import { fail } from "../../base/index.ts";

const numbers: ReadonlyMap<string, number> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [name, number]),
);

/** Linux's real-time signals as glibc counts them. */
const realtime = { min: 34, max: 64 };

/**
 * The number of a signal written as `TERM`, `SIGTERM`, `15` or `RTMIN+3`, in any case.
 * Throws `invalid` / `signal.invalid` with Docker's text.
 */
export function signalNumber(text: string): number {
  const invalid = () => fail("invalid", "signal.invalid", `invalid signal: ${text}`);
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number < 1 || number > realtime.max) throw invalid();
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const offset = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (offset) {
    const base = offset[1] === "MIN" ? realtime.min : realtime.max;
    const number = base + Number(offset[3] ?? 0) * (offset[2] === "-" ? -1 : 1);
    if (number < realtime.min || number > realtime.max) throw invalid();
    return number;
  }
  const number = numbers.get(`SIG${name}`);
  if (number === undefined) throw invalid();
  return number;
}

export const SIGKILL = 9;
