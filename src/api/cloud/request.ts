import type { Context } from "hono";
import type { z } from "zod";
import { checkJson, fail, messageOf } from "../../base/index.ts";
import { wireError } from "./encode.ts";

/** Bodies larger than this are refused; the files of a project are read by the daemon, not sent. */
const maxBodyBytes = 8 * 1024 * 1024;

/** The body of a request, `limit` bytes at most. Throws `invalid` / `api.bad-request`, by the place in it. */
export async function body<T>(
  context: Context,
  schema: z.ZodType<T>,
  limit: number = maxBodyBytes,
): Promise<T> {
  const value = parse(await readText(context.req.raw, limit));
  checkJson(value, "body");
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  throw fail(
    "invalid",
    "api.bad-request",
    `${first?.path.join(".") || "body"}: ${first?.message ?? "is not valid"}`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fail("invalid", "api.bad-request", `the body is not JSON: ${messageOf(cause)}`, { cause });
  }
}

async function readText(request: Request, limit: number): Promise<string> {
  const tooLarge = () => fail("invalid", "api.body-too-large", `the body is larger than ${limit} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
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
