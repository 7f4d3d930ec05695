import type { ApiContext } from "./context.ts";

type Produce = (signal: AbortSignal) => AsyncIterable<string | Uint8Array>;

/**
 * A response that is written as `produce` yields, piece by piece. Headers go out at once. When the client goes away
 * the signal aborts and the generator is closed, so that its work stops.
 */
export function streamed(c: ApiContext, contentType: string, produce: Produce): Response {
  const stop = new AbortController();
  return respond(c, contentType, stop, produce(stop.signal)[Symbol.asyncIterator](), []);
}

/**
 * As `streamed`, but the answer begins with the first piece, which may be empty: what `produce` throws before it still becomes an error
 * with a status.
 */
export async function streamedFromFirst(
  c: ApiContext,
  contentType: string,
  produce: Produce,
): Promise<Response> {
  const stop = new AbortController();
  const iterator = produce(stop.signal)[Symbol.asyncIterator]();
  const onGone = () => stop.abort(clientGone());
  c.req.raw.signal.addEventListener("abort", onGone, { once: true });
  const first = await iterator.next();
  const isEmpty = first.done === true || first.value.length === 0;
  return respond(c, contentType, stop, iterator, isEmpty ? [] : [first.value]);
}

function respond(
  c: ApiContext,
  contentType: string,
  stop: AbortController,
  iterator: AsyncIterator<string | Uint8Array>,
  ready: (string | Uint8Array)[],
): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of ready) controller.enqueue(bytes(piece));
    },
    async pull(controller) {
      try {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(bytes(next.value));
      } catch (error) {
        if (stop.signal.aborted) controller.close();
        else controller.error(error);
      }
    },
    cancel() {
      stop.abort(clientGone());
      // It may be inside next() still: return() then waits for that, and nobody is left to be told of a failure.
      iterator.return?.().catch(() => {});
    },
  });
  return streamBody(c, body, { "Content-Type": contentType });
}

const streamedKey = Symbol("streamed");

/** An answer whose body is written as it comes. */
export function streamBody(
  c: ApiContext,
  body: ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>>,
): Response {
  return Object.assign(c.body(body, 200, headers), { [streamedKey]: true });
}

/** True for the answers of `streamBody`; all others are whole. */
export function isStreamed(response: Response): boolean {
  return streamedKey in response;
}

function clientGone(): DOMException {
  return new DOMException("The client has gone", "AbortError");
}

/** One JSON object a line. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** A queue between code that tells by callback and a stream that is read at its own pace. */
export class Channel<T> {
  readonly #items: T[] = [];
  #wake = () => {};
  #end: { readonly error?: unknown } | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Ends the channel after what it holds; with `error` the reader gets it thrown. */
  close(end: { readonly error?: unknown } = {}): void {
    this.#end ??= end;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<T> {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift()!;
      if (this.#end) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
