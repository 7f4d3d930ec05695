/** Work that always brings about the newest state, so that calls which come while it runs share the next run. */
export interface Coalesced {
  /** Resolves when a run that began after this call has ended, and rejects when it failed. */
  run(): Promise<void>;
  /** Resolves when nothing runs and nothing waits, whether it failed or not. */
  idle(): Promise<void>;
}

/** One run of `work` at a time. */
export function coalesce(work: () => Promise<void>): Coalesced {
  let last: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return {
    run() {
      next ??= last
        .catch(() => {})
        .then(() => {
          last = next!;
          next = undefined;
          return work();
        });
      return next;
    },
    async idle() {
      const waited = next ?? last;
      await waited.catch(() => {});
      if (next) await this.idle();
    },
  };
}
