import type { LogLine } from "../../container.ts";

/** Where the lines of a container go besides its file. */
export interface LogSink extends AsyncDisposable {
  /** Resolves when the line has been handed over; throws when the other side cannot be reached. */
  send(line: LogLine): Promise<void>;
}
