import type { Archives, CreateOptions, ExtractOptions } from "./layer.ts";
import { defaultLimits } from "./worker/limits.ts";
import type { TreeWorkers } from "./worker/pool.ts";
import type { ExtractResult, Job } from "./worker/protocol.ts";

export interface ArchivesDependencies {
  readonly workers: TreeWorkers;
}

export function createArchives({ workers }: ArchivesDependencies): Archives {
  return {
    async extract(source, root, directory, options: ExtractOptions = {}) {
      const job: Job = {
        kind: "extract",
        root,
        directory,
        limits: { ...defaultLimits, ...options.limits },
        noOverwriteDirNonDir: options.noOverwriteDirNonDir ?? false,
        makeDirectories: options.makeDirectories ?? false,
        stripLeadingSlashes: options.stripLeadingSlashes ?? false,
        ...(options.owner ? { owner: options.owner } : {}),
        ...(options.hashFrom === undefined ? {} : { hashFrom: options.hashFrom }),
      };
      const signal = options.signal ? { signal: options.signal } : {};
      return (await workers.run(job, { input: source, ...signal })) as ExtractResult;
    },
    create: (root, path, options = {}) => archiveStream(workers, root, path, options),
  };
}

/** The worker starts with the first read and goes on no faster than the stream is read. */
function archiveStream(
  workers: TreeWorkers,
  root: string,
  path: string,
  options: CreateOptions,
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const signals = options.signal ? [cancelled.signal, options.signal] : [cancelled.signal];
  const job: Job = {
    kind: "create",
    root,
    path,
    ask: options.exclude !== undefined,
    ...(options.name === undefined ? {} : { name: options.name }),
  };
  let goOn: (() => void) | undefined;
  const begin = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const output = async (bytes: Uint8Array) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      goOn = resolve;
      controller.enqueue(bytes);
      await promise;
    };
    const exclude = options.exclude ? { exclude: options.exclude } : {};
    workers.run(job, { output, signal: AbortSignal.any(signals), ...exclude }).then(
      () => {
        if (!cancelled.signal.aborted) controller.close();
      },
      (error: unknown) => {
        if (!cancelled.signal.aborted) controller.error(error);
      },
    );
  };
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (goOn) return goOn();
        goOn = () => undefined;
        begin(controller);
      },
      cancel() {
        cancelled.abort();
        goOn?.();
      },
    },
    { highWaterMark: 0 },
  );
}
