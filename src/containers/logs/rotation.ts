import { rename, rm, stat } from "node:fs/promises";
import { errnoOf, toVirgaError } from "../../base/index.ts";
import type { Container } from "../container.ts";
import type { Engine } from "../engine.ts";
import { compressedName, compressLog } from "./compression.ts";
import type { ContainerSpec } from "../spec.ts";

export interface LogLimits {
  /** Of one file, bytes; Infinity without a limit. */
  readonly maxBytes: number;
  /** The one that is written to included. */
  readonly maxFiles: number;
  /** Of the files that are not written to any more. */
  readonly compress: boolean;
  /** Where conmon itself starts over, which happens only while no daemon rotates. */
  readonly backstop: number;
}

const checkMs = 2000;

export function logLimits(spec: ContainerSpec): LogLimits {
  // The local driver has Docker's own defaults.
  const local = spec.log?.driver === "local";
  const asked = spec.log?.maxBytes ?? (local ? 20 : 10) * 1024 * 1024;
  const maxBytes = asked < 0 ? Infinity : asked;
  const maxFiles = spec.log?.maxFiles ?? (local ? 5 : 3);
  const compress = maxFiles > 1 && (spec.log?.compress ?? local);
  const backstop = Math.min(maxBytes * (maxFiles + 1), Number.MAX_SAFE_INTEGER);
  return { maxBytes, maxFiles, compress, backstop };
}

/** Rotates the logs of all running containers when they have grown too large, until disposed. */
export function rotateLogs(engine: Engine): Disposable {
  const busy = new Set<string>();
  return engine.clock.every(checkMs, () => {
    for (const { record } of engine.registry.entries.values()) {
      const { container } = record;
      if (container.state.status !== "running" || busy.has(container.id)) continue;
      busy.add(container.id);
      engine.background.run("a log could not be rotated", async () => {
        try {
          await rotateIfLarge(engine, container);
        } finally {
          busy.delete(container.id);
        }
      });
    }
  });
}

/** `log` becomes `log.1` and so on, the oldest goes; conmon then opens a new file. Nothing written is lost. */
export async function rotateIfLarge(engine: Engine, container: Container): Promise<void> {
  const path = container.logPath;
  if (path === undefined) return;
  const { maxBytes, maxFiles, compress } = logLimits(container.spec);
  const size = await sizeOf(path);
  if (size !== undefined && size <= maxBytes) return;
  // Without a file a rotation was cut short by a crash: conmon still writes to the renamed one.
  if (size !== undefined) {
    for (let number = maxFiles - 1; number >= 1; number--) {
      const to = `${path}.${number}`;
      if (number === 1) await renameIfThere(path, to);
      else await shift(`${path}.${number - 1}`, to);
    }
  }
  try {
    await engine.runtime.reopenLog(container.id);
  } catch (error) {
    engine.logger.debug("no new log was opened", { container: container.id, error: toVirgaError(error) });
    return;
  }
  if (compress && size !== undefined) await compressLog(`${path}.1`);
}

/** With its compressed form; what `to` was before is gone in either form. */
async function shift(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await rm(compressedName(to), { force: true });
  await renameIfThere(from, to);
  await renameIfThere(compressedName(from), compressedName(to));
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
