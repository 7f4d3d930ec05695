import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../base/index.ts";
import { tryLock } from "./libc.ts";

/** Waits for the exclusive flock(2) of the file at `path`, which is made when missing; disposing releases it. */
export async function lockFile(path: string, clock: Clock, signal?: AbortSignal): Promise<Disposable> {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, "a", 0o600);
  try {
    while (!tryLock(fd)) await clock.sleep(5, signal);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}
