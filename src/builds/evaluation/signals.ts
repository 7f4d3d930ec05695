import { constants } from "node:os";
import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";

/** A signal's name or number, as written. Throws `dockerfile.signal` for one that Linux does not have. */
export function parseSignal(place: SourcePlace, text: string): string {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return text;
  const name = text.toUpperCase().replace(/^SIG/, "");
  if (Object.hasOwn(constants.signals, `SIG${name}`) || /^RTM(IN|AX)([+-]\d{1,2})?$/.test(name)) return text;
  throw dockerfileError(
    "dockerfile.signal",
    place,
    `'${text}' is not a signal`,
    "write it like SIGTERM or 15",
  );
}
