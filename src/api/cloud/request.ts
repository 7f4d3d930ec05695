import type { Context } from "hono";
import type { z } from "zod";
import { fail } from "../../base/index.ts";
import { wireError } from "./encode.ts";

/** The body of a request. Throws `invalid` / `api.bad-request`, by the place in it. */
export async function body<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const value: unknown = await context.req.json().catch(() => undefined);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  throw fail(
    "invalid",
    "api.bad-request",
    `${first?.path.join(".") || "body"}: ${first?.message ?? "is not valid"}`,
  );
}

/** A newline-delimited JSON response; a failure on the way is its last line, `{"error": …}`. */
export function stream(
  context: Context,
  source: (signal: AbortSignal) => AsyncIterableIterator<unknown>,
): Response {
  const gone = new AbortController();
  context.req.raw.signal.addEventListener("abort", () => gone.abort());
  const encoder = new TextEncoder();
  const values = source(gone.signal);
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await values.next();
        if (next.done) return controller.close();
        controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
      } catch (error) {
        controller.enqueue(encoder.encode(`${JSON.stringify({ error: wireError(error) })}\n`));
        controller.close();
      }
    },
    cancel: () => gone.abort(),
  });
  return new Response(readable, { headers: { "content-type": "application/x-ndjson" } });
}
