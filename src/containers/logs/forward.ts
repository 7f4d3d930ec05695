import { readFile } from "node:fs/promises";
import { toVirgaError, type Clock } from "../../base/index.ts";
import { writeFileAtomic } from "../../host/index.ts";
import type { Container } from "../container.ts";
import type { Engine } from "../engine.ts";
import { timeNs } from "./format.ts";
import { checkJournald, journaldSink } from "./sinks/journald.ts";
import type { LogSink } from "./sinks/sink.ts";
import { checkSyslog, syslogSink } from "./sinks/syslog.ts";
import { readLogs } from "./logs.ts";
import type { Entry } from "../registry.ts";
import type { LogSpec } from "../spec.ts";

const firstRetryMs = 1000;
const longestRetryMs = 30_000;
/** How many lines may be sent twice after a crash. */
const noteEvery = 100;

/** Throws when what the driver sends to is not on this machine. */
export function checkLogTarget(log: LogSpec | undefined): void {
  if (log?.driver === "journald") checkJournald();
  if (log?.driver === "syslog") checkSyslog(log.options ?? {});
}

/**
 * Sends on what a container of the drivers journald and syslog writes, from its log file, until it ends: so nothing is
 * missing that was written while the daemon, or the other side, was down, and the log can be read as any other. The
 * time of the last line that was sent is kept beside the log; after a crash a few lines come twice.
 */
export function forwardLog(engine: Engine, entry: Entry): void {
  const { container } = entry.record;
  const driver = container.spec.log?.driver;
  if (driver !== "journald" && driver !== "syslog") return;
  engine.background.run("the forwarding of a log broke", async () => {
    const { signal } = engine.background;
    for (let wait = firstRetryMs; !signal.aborted; wait = Math.min(wait * 2, longestRetryMs)) {
      try {
        // The one of the last run may still be at its end.
        return await engine.locks.run(`log of ${container.id}`, () =>
          forward(engine, entry, sinkFor(container, engine.clock)),
        );
      } catch (error) {
        const { name, id } = container;
        engine.logger.warn("a log could not be sent on", { name, id, error: toVirgaError(error) });
      }
      try {
        await engine.clock.sleep(wait, signal);
      } catch {
        return;
      }
    }
  });
}

async function forward(engine: Engine, entry: Entry, opened: LogSink): Promise<void> {
  await using sink = opened;
  const { folder } = entry.record.container;
  const sent = await lastSent(folder);
  const options = {
    stdout: true,
    stderr: true,
    follow: true,
    ...(sent === undefined ? {} : { sinceNs: sent + 1n }),
  };
  let last: string | undefined;
  let unnoted = 0;
  try {
    for await (const line of readLogs(engine, entry, options, engine.background.signal)) {
      await sink.send(line);
      last = line.time;
      if (++unnoted < noteEvery) continue;
      await note(folder, last);
      unnoted = 0;
    }
  } finally {
    if (last !== undefined && unnoted > 0) await note(folder, last);
  }
}

function sinkFor(container: Container, clock: Clock): LogSink {
  return container.spec.log?.driver === "syslog"
    ? syslogSink(container, clock)
    : journaldSink(container, clock);
}

async function lastSent(folder: string): Promise<bigint | undefined> {
  const text = await readFile(`${folder}/log.sent`, "utf8").catch(() => "");
  return timeNs(text.trim());
}

async function note(folder: string, time: string): Promise<void> {
  await writeFileAtomic(`${folder}/log.sent`, time).catch(() => {}); // the container was removed meanwhile
}
