import { lstatSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../base/index.ts";
import { run } from "../host/index.ts";
import type { SourceTree } from "./context/source-tree.ts";
import type { GlobalArguments } from "./evaluation/variables.ts";
import { gitEnvironment } from "./remote/git-environment.ts";

/**
 * Times that do not depend on when and where a build runs.
 *
 * Files in layers are not later than the stage's epoch: SOURCE_DATE_EPOCH when it is given, else the `created` of the
 * image that the stage begins with. The image itself, and its history, are as old as SOURCE_DATE_EPOCH says, else as
 * the newest commit of a context that is a git repository, else as the stage. The commit is kept out of the layers:
 * each commit would make all of them new.
 */
export const fixedEpoch = 1_735_689_600; // 2025-01-01T00:00:00Z, as the base images have it that Virga makes

/** What SOURCE_DATE_EPOCH says. Throws `invalid` / `build.source-date-epoch`. */
export function givenEpoch({ passed, values }: GlobalArguments): number | undefined {
  const text = passed.get("SOURCE_DATE_EPOCH") ?? values.get("SOURCE_DATE_EPOCH");
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw fail("invalid", "build.source-date-epoch", `SOURCE_DATE_EPOCH is not a number of seconds: '${text}'`);
}

/** The epoch of a stage on an image. */
export function epochOfImage(created: string | undefined): number {
  const time = created === undefined ? Number.NaN : Math.floor(Date.parse(created) / 1000);
  // Go's zero time, which some builders write, is no time.
  return Number.isNaN(time) || time < 0 ? fixedEpoch : time;
}

/** Seconds: no file of a layer is later. */
export function layerEpoch(
  run: { readonly sourceDateEpoch: number | undefined },
  stage: { readonly epoch: number },
): number {
  return run.sourceDateEpoch ?? stage.epoch;
}

/** Nanoseconds: files of a context are as old as the layer, whenever they came to this machine. */
export function contextFileTime(...at: Parameters<typeof layerEpoch>): bigint {
  return BigInt(layerEpoch(...at)) * 1_000_000_000n;
}

/** RFC 3339, as image configurations have it. */
export function timeOf(epoch: number): string {
  return new Date(epoch * 1000).toISOString();
}

/**
 * When the newest commit of the context's own repository was made. Undefined when the context has none of its own, or
 * .dockerignore keeps it out: what is not part of the context does not count.
 */
export async function commitTime(
  { root, ignore }: SourceTree,
  signal: AbortSignal,
): Promise<number | undefined> {
  const repository = join(root, ".git");
  if (ignore.excludes(".git") || !lstatSync(repository, { throwIfNoEntry: false })?.isDirectory()) {
    return undefined;
  }
  if (Bun.which("git") === null) return undefined;
  const { exitCode, stdout } = await run(["git", "--git-dir", repository, "cat-file", "commit", "HEAD"], {
    env: { PATH: process.env["PATH"] ?? "", ...gitEnvironment },
    signal,
  });
  const time = exitCode === 0 ? /^committer .* (\d{1,11}) [+-]\d{4}$/m.exec(stdout)?.[1] : undefined;
  return time === undefined ? undefined : Number(time);
}
