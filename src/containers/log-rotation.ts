import { rename, stat } from "node:fs/promises";
import { errnoOf, toVirgaError } from "../base/index.ts";
import type { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import type { ContainerSpec } from "./spec.ts";

export interface LogLimits {
  /** Of one file, bytes; Infinity without a limit. */
  readonly maxBytes: number;
  /** The one that is written to included. */
  readonly maxFiles: number;
  /** Where conmon itself starts over, which happens only while no daemon rotates. */
  readonly backstop: number;
}

const checkMs = 2000;

export function logLimits(spec: ContainerSpec): LogLimits {
  const asked = spec.log?.maxBytes ?? 10 * 1024 * 1024;
  const maxBytes = asked < 0 ? Infinity : asked;
  const maxFiles = spec.log?.maxFiles ?? 3;
  return { maxBytes, maxFiles, backstop: Math.min(maxBytes * (maxFiles + 1), Number.MAX_SAFE_INTEGER) };
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
  const { maxBytes, maxFiles } = logLimits(container.spec);
  const size = await sizeOf(path);
  if (size !== undefined && size <= maxBytes) return;
  // Without a file a rotation was cut short by a crash: conmon still writes to the renamed one.
  if (size !== undefined) {
    for (let number = maxFiles - 1; number >= 1; number--) {
      await renameIfThere(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    }
  }
  try {
    await engine.runtime.reopenLog(container.id);
  } catch (error) {
    engine.logger.debug("no new log was opened", { container: container.id, error: toVirgaError(error) });
  }
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
