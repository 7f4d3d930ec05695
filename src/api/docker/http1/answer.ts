import { STATUS_CODES } from "node:http";
import type { Clock } from "../../../base/index.ts";
import { isStreamed } from "../http/streams.ts";
import type { RequestHead } from "./head.ts";
import type { Link } from "./link.ts";

/** Writes an answer; false when the connection cannot be used any more. */
export async function writeAnswer(
  link: Link,
  request: Pick<RequestHead, "method" | "modern" | "kept">,
  response: Response,
  clock: Clock,
): Promise<boolean> {
  const { status } = response;
  const bare = request.method === "HEAD" || status === 204 || status === 304;
  if (isStreamed(response) && !bare) return await writeStream(link, request, response, clock);
  // Not `response.body`: to look at it makes a stream of it.
  const body = await response.bytes();
  const length = bare ? [] : [`content-length: ${body.length}`];
  const head = headOf(response, length, request.kept, clock);
  return await link.write(bare || body.length === 0 ? head : Buffer.concat([head, body]));
}

async function writeStream(
  link: Link,
  { modern, kept }: Pick<RequestHead, "modern" | "kept">,
  response: Response,
  clock: Clock,
): Promise<boolean> {
  const stays = kept && modern;
  const framing = modern ? ["transfer-encoding: chunked"] : [];
  const reader = response.body!.getReader();
  const onGone = () => void reader.cancel(link.gone.reason).catch(() => {});
  link.gone.addEventListener("abort", onGone);
  try {
    if (!(await link.write(headOf(response, framing, stays, clock)))) return false;
    for (;;) {
      const { done, value } = await reader.read();
      if (link.gone.aborted) return false;
      if (done) break;
      if (value.length > 0 && !(await link.write(modern ? chunk(value) : value))) return false;
    }
    return modern ? await link.write(Buffer.from("0\r\n\r\n")) : false;
  } catch {
    // The answer has begun: that it is cut off is all that can be told.
    link.destroy();
    return false;
  } finally {
    link.gone.removeEventListener("abort", onGone);
    if (link.gone.aborted) onGone();
  }
}

function chunk(data: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
}

function headOf(response: Response, framing: readonly string[], kept: boolean, clock: Clock): Buffer {
  const { status } = response;
  const lines = [`HTTP/1.1 ${status} ${response.statusText || (STATUS_CODES[status] ?? "")}`, ...framing];
  response.headers.forEach((value, name) => lines.push(`${name}: ${value}`));
  lines.push(`date: ${clock.now().toUTCString()}`, `connection: ${kept ? "keep-alive" : "close"}`, "", "");
  return Buffer.from(lines.join("\r\n"), "latin1");
}
