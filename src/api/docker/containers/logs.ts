import { fail } from "../../../base/index.ts";
import { logAttributes, type LogLine } from "../../../containers/index.ts";
import { frame, multiplexedStreamType, rawStreamType } from "../hijack/stdcopy.ts";
import { batched } from "../http/batched.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { flag, text, timestamp } from "../http/query.ts";
import { streamedFromFirst } from "../http/streams.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import type { ContainersBackend } from "./backend.ts";

/** What a stream of a container's output is announced as. */
export function streamType(tty: boolean, version: ApiVersion): string {
  return !tty && holds(quirks.multiplexedContentType, version) ? multiplexedStreamType : rawStreamType;
}

/** GET /containers/{id}/logs. */
export function logRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  routes.get("/containers/:id/logs", (c) => {
    const [stdout, stderr] = [flag(c, "stdout"), flag(c, "stderr")];
    if (!stdout && !stderr) {
      throw fail("invalid", "api.bad-parameter", "Bad parameters: you must choose at least one stream");
    }
    const container = backend.containers.get(pathParameter(c, "id"));
    const tty = container.spec.tty ?? false;
    const options = defined({
      stdout,
      stderr,
      follow: flag(c, "follow"),
      tail: tail(c),
      sinceNs: timestamp(c, "since"),
      untilNs: timestamp(c, "until"),
    });
    const details = flag(c, "details") ? detailsOf(logAttributes(container)) : "";
    const prefix = { timestamps: flag(c, "timestamps"), details };
    if (container.logPath === undefined) {
      throw fail("unimplemented", "log.not-readable", "configured logging driver does not support reading");
    }
    return streamedFromFirst(c, streamType(tty, c.get("version")), (signal) => {
      const open = Promise.withResolvers<void>();
      const lines = backend.containers.logs(container.id, { ...options, onOpen: open.resolve }, signal);
      return onceOpen(batched(encodeLines(lines, tty, prefix)), open.promise);
    });
  });
  return routes;
}

/** Undefined (all) for `all`, for nothing and, as dockerd has it, for what is no number. */
function tail(c: ApiContext): number | undefined {
  const value = text(c, "tail") ?? "all";
  const count = Number(value);
  return value === "all" || !Number.isInteger(count) || count < 0 ? undefined : count;
}

/**
 * The answer begins when the log is open, also when nothing is in it yet: docker-py removes the container before it
 * reads the body.
 */
async function* onceOpen(
  pieces: AsyncIterableIterator<Uint8Array>,
  open: Promise<void>,
): AsyncIterableIterator<Uint8Array> {
  const first = pieces.next();
  try {
    await Promise.race([open, first]);
    yield new Uint8Array();
    const { value, done } = await first;
    if (done !== true) yield value;
    yield* pieces;
  } finally {
    await pieces.return?.();
  }
}

async function* encodeLines(
  lines: AsyncIterable<LogLine>,
  tty: boolean,
  prefix: Parameters<typeof encodeLine>[2],
): AsyncIterableIterator<Uint8Array> {
  for await (const line of lines) yield encodeLine(line, tty, prefix);
}

/** The attributes of a line, sorted, and a space, which is there without any, too. */
function detailsOf(attributes: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(attributes).toSorted();
  // Go's url.QueryEscape.
  const escaped = (text: string) => encodeURIComponent(text).replaceAll("%20", "+");
  return `${pairs.map((name) => `${escaped(name)}=${escaped(attributes[name]!)}`).join(",")} `;
}

function encodeLine(
  line: LogLine,
  tty: boolean,
  prefix: { readonly timestamps: boolean; readonly details: string },
): Uint8Array {
  const start = (prefix.timestamps ? `${line.time} ` : "") + prefix.details;
  const data = start === "" ? line.data : Buffer.concat([Buffer.from(start), line.data]);
  return tty ? data : frame(line.stream, data);
}
