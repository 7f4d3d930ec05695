import { integer, message, one, type Of } from "./message.ts";

/** google/protobuf/timestamp.proto */
export const timestamp = message({ seconds: one(1, integer), nanos: one(2, integer) });

export function timestampOf(date: Date): Of<typeof timestamp> {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
