/** Something with an order: it runs when every one named in `after` has ended well. */
export interface Ordered {
  readonly id: string;
  readonly after: readonly string[];
}

export interface RunOptions<S extends Ordered> {
  readonly signal: AbortSignal;
  /** At most `limit` steps of one lane run at a time. */
  readonly lane: (step: S) => { readonly name: string; readonly limit: number };
}

/**
 * Runs steps side by side where their order allows it. After the first failure nothing new begins, what runs is
 * aborted, and when all of it has ended that first error is thrown; steps done by then stay done.
 */
export async function runSteps<S extends Ordered>(
  steps: readonly S[],
  perform: (step: S, signal: AbortSignal) => Promise<void>,
  options: RunOptions<S>,
): Promise<void> {
  const waiting = new Map(steps.map((step) => [step.id, step]));
  const running = new Map<string, { readonly lane: string; readonly ended: Promise<string> }>();
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  let error: unknown;
  const isFree = (step: S) => {
    const { name, limit } = options.lane(step);
    return [...running.values()].filter((one) => one.lane === name).length < limit;
  };
  const isDue = (step: S) => step.after.every((id) => !waiting.has(id) && !running.has(id));
  for (;;) {
    for (const step of signal.aborted ? [] : waiting.values()) {
      if (!isDue(step) || !isFree(step)) continue;
      waiting.delete(step.id);
      const ended = perform(step, signal).then(
        () => step.id,
        (thrown: unknown) => {
          if (!signal.aborted) error = thrown;
          failure.abort(thrown);
          return step.id;
        },
      );
      running.set(step.id, { lane: options.lane(step).name, ended });
    }
    if (running.size === 0) break;
    running.delete(await Promise.race([...running.values()].map((one) => one.ended)));
  }
  if (error !== undefined) throw error as Error;
  options.signal.throwIfAborted();
  if (waiting.size > 0) throw new Error(`steps wait for each other: ${[...waiting.keys()].join(", ")}`);
}
