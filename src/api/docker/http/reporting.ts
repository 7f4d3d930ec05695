import type { Progress } from "../../../base/index.ts";
import { buildExitCode, detailHeader, encodeError, errorText } from "../errors.ts";
import type { ApiContext } from "./context.ts";
import { Channel, jsonLine } from "./streams.ts";

/**
 * Runs `work` and yields what it reports as lines, after the line `begin`; returns its result. A failure becomes
 * Docker's error line, since the response has its status by then, and undefined is returned; a failure before
 * anything was reported is thrown, so that it still gets its own status.
 */
export async function* reporting<T, R = Progress>(
  work: (report: (report: R) => void) => Promise<T>,
  encode: (report: R) => object | readonly object[] | undefined,
  begin?: object,
  detail = false,
): AsyncGenerator<string, T | undefined> {
  const reports = new Channel<R>();
  let result: { readonly value: T } | undefined;
  const done = work((report) => reports.push(report)).then(
    (value) => {
      result = { value };
      reports.close();
    },
    (error: unknown) => reports.close({ error }),
  );
  let begun = false;
  const begins = () => (begun || begin === undefined ? [] : [jsonLine(begin)]);
  try {
    for await (const report of reports) {
      const lines = encode(report);
      if (lines === undefined) continue;
      yield* begins();
      begun = true;
      for (const line of Array.isArray(lines) ? (lines as readonly object[]) : [lines]) yield jsonLine(line);
    }
    yield* begins();
  } catch (error) {
    if (!begun) throw error;
    yield jsonLine(errorLine(error, detail));
  }
  await done;
  return result?.value;
}

/** Whether the client wants errors as they were thrown: see `detailHeader`. */
export function wantsDetail(c: ApiContext): boolean {
  return c.req.header(detailHeader) !== undefined;
}

/** How Docker tells of a failure inside a stream. */
export function errorLine(error: unknown, detail = false): object {
  if (detail) {
    const { body } = encodeError(error, { detail });
    return { errorDetail: body, error: body?.message };
  }
  const message = errorText(error);
  const code = buildExitCode(error);
  return { errorDetail: code === undefined ? { message } : { code, message }, error: message };
}
