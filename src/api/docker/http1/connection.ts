import { fail, type Clock } from "../../../base/index.ts";
import type { ByteInput } from "./byte-input.ts";
import { bad, parseHead, type RequestHead } from "./head.ts";
import type { Link } from "./link.ts";
import { bodyStream, messageBody, type MessageBody } from "./message-body.ts";
import { writeAnswer } from "./answer.ts";

/** Who answers. */
export interface HttpService {
  answer(request: Request): Response | Promise<Response>;
  /**
   * A request that asks for another protocol: serves the connection to its end, or gives the answer of a request that
   * gets none.
   */
  upgrade(request: Request, link: Link): Promise<Response | undefined>;
  /** The answer to what is no request at all. */
  refusal(error: unknown): Response;
}

/** As Go's servers have it: build arguments and labels travel in the query. */
const longestHead = 1024 * 1024;
/** A body up to this size is read before its request is served. */
const wholeBody = 64 * 1024;
/** What of a body nobody read is taken after the answer, so that a client which is still sending gets to read that. */
const [mostSkipped, skippedWithinMs] = [64 * 1024 * 1024, 500];

/** Serves the requests of a connection, one after the other, until the client or an answer ends it. */
export async function serveConnection(link: Link, service: HttpService, clock: Clock): Promise<void> {
  try {
    let next: Outcome = "kept";
    while (next === "kept" && !link.gone.aborted) next = await serveNext(link, service, clock);
    if (next === "over") link.close();
  } catch (error) {
    if (link.gone.aborted) return;
    await writeAnswer(link, { method: "GET", modern: true, kept: false }, service.refusal(error), clock);
    link.close();
  }
}

/** After a request: the connection is kept, over, or somebody else's. */
type Outcome = "kept" | "over" | "taken";

async function serveNext(link: Link, service: HttpService, clock: Clock): Promise<Outcome> {
  const head = await readHead(link.input);
  if (head === undefined) return "over";
  if (head.waits) await link.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
  const body = messageBody(link.input, head.length);
  const gone = new AbortController();
  const onGone = () => gone.abort(link.gone.reason);
  link.gone.addEventListener("abort", onGone);
  if (link.gone.aborted) onGone();
  try {
    const request = await requestOf(head, body, gone.signal);
    if (head.upgrades) {
      const response = await service.upgrade(request, link);
      if (response === undefined) return "taken";
      await writeAnswer(link, { ...head, kept: false }, response, clock);
      return "over";
    }
    const response = await service.answer(request);
    const goesOn = (await writeAnswer(link, head, response, clock)) && (await skip(body, clock));
    return goesOn && head.kept ? "kept" : "over";
  } finally {
    link.gone.removeEventListener("abort", onGone);
  }
}

/** What no head has, so that a client that speaks something else is told before it waits for an answer. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const noHead = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<=[^\r])\n/;

/** Undefined when the client has ended before another request. Throws `invalid` for what is none. */
async function readHead(input: ByteInput): Promise<RequestHead | undefined> {
  let read = Buffer.alloc(0);
  for (;;) {
    const piece = input.takeNow() ?? (await input.take());
    if (piece === undefined) {
      if (read.length > 0) throw bad("unexpected EOF");
      return undefined;
    }
    read =
      read.length === 0
        ? Buffer.from(piece.buffer as ArrayBuffer, piece.byteOffset, piece.length)
        : Buffer.concat([read, piece]);
    // Some clients end a body with an empty line that is not counted.
    while (read[0] === 13 && read[1] === 10) read = read.subarray(2);
    const end = read.indexOf("\r\n\r\n");
    if ((end < 0 ? read.length : end) > longestHead) {
      throw fail(
        "invalid",
        "api.head-too-large",
        `the head of the request is larger than ${longestHead} bytes`,
      );
    }
    if (end < 0) {
      if (noHead.test(read.toString("latin1", Math.max(0, read.length - piece.length - 1))))
        throw bad("malformed HTTP request");
      continue;
    }
    input.putBack(read.subarray(end + 4));
    return parseHead(read.toString("latin1", 0, end));
  }
}

async function requestOf(head: RequestHead, body: MessageBody, signal: AbortSignal): Promise<Request> {
  const { method, headers, length } = head;
  // Bun takes a method that it does not know for GET.
  if (new Request("http://docker", { method }).method !== method)
    throw fail("not-found", "api.no-such-page", "page not found");
  // The client's name for this machine means nothing on a unix socket.
  const url = `http://docker${head.target}`;
  if (length === 0 || method === "GET" || method === "HEAD")
    return new Request(url, { method, headers, signal });
  const content = typeof length === "number" && length <= wholeBody ? await whole(body) : bodyStream(body);
  return new Request(url, { method, headers, signal, body: content });
}

async function whole(body: MessageBody): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) pieces.push(piece);
  return (pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)) as Uint8Array<ArrayBuffer>;
}

/** Takes what is left of a body; false when that is too much. */
async function skip(body: MessageBody, clock: Clock): Promise<boolean> {
  if (body.done) return true;
  const [stop, late] = [new AbortController(), new AbortController()];
  const deadline = clock.sleep(skippedWithinMs, stop.signal).then(
    () => late.abort(),
    () => {},
  );
  const read = async () => {
    let skipped = 0;
    while (!body.done && !late.signal.aborted && skipped <= mostSkipped) {
      skipped += (await body.read())?.length ?? 0;
    }
  };
  try {
    await Promise.race([read().catch(() => {}), deadline]);
  } finally {
    stop.abort();
  }
  return body.done;
}
