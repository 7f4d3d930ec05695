import { fail, version, type Clock } from "../base/index.ts";
import type { HostCertificates } from "./certificates.ts";
import { answerFailure, networkFailure, Repeatable, retryAfter } from "./failures.ts";
import { fetchThrough, proxyFor, type Environment } from "./proxy.ts";
import { watchdog, type Watchdog } from "./watchdog.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes to the URL's own origin, never to where a redirect leads. */
  readonly authorization?: string | undefined;
  /** Called again for a redirect that wants the body once more. */
  readonly body?: () => RequestBody;
  /** Any certificate is good enough. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
  /** Milliseconds of silence that end the request. */
  readonly patience?: number;
}

export interface RequestBody {
  readonly size: number;
  readonly content: Uint8Array | string | AsyncIterable<Uint8Array>;
}

/** An answer whose body is read (`chunks`, `bytes`) or dropped (`drop`), one of them exactly once. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Where it came from, after redirects. */
  readonly url: string;
  /** Throws `Repeatable` when the connection is lost or nothing comes for a minute. */
  chunks(): AsyncIterable<Uint8Array>;
  /** All of it. Throws `invalid` / `registry.too-large` for more than `limit` bytes. */
  bytes(limit: number): Promise<Uint8Array>;
  drop(): Promise<void>;
}

/** Sends requests; no retries and no authentication yet, but redirects, proxies, certificates and timeouts. */
export interface Transport {
  /** Throws `unavailable` for a host that is not there or not trusted, `Repeatable` for a lost connection. */
  send(request: HttpRequest): Promise<HttpAnswer>;
}

export interface TransportDependencies {
  readonly clock: Clock;
  readonly environment: Environment;
  readonly certificatesOf: (host: string) => HostCertificates;
  /** The authorities that the machine trusts, as PEM. */
  readonly authorities: () => string | undefined;
}

const maxRedirects = 10;
/** Nothing sent and nothing received for so long ends a request. Storing an upload may take a registry its time. */
const silence = { reading: 60_000, writing: 300_000 };

export function createTransport(dependencies: TransportDependencies): Transport {
  return {
    async send(request) {
      const host = new URL(request.url).host;
      const patience = request.patience ?? (request.body ? silence.writing : silence.reading);
      const guard = watchdog(dependencies.clock, patience, host, request.signal);
      try {
        const { response, url } = await follow(dependencies, request, guard);
        return answer(response, url, guard);
      } catch (error) {
        guard[Symbol.dispose]();
        throw error;
      }
    },
  };
}

async function follow(dependencies: TransportDependencies, request: HttpRequest, guard: Watchdog) {
  const origin = new URL(request.url).origin;
  let { method } = request;
  let url = new URL(request.url);
  for (let hops = 0; ; hops++) {
    const authorization = url.origin === origin ? request.authorization : undefined;
    const withBody = method === request.method ? request.body : undefined;
    const response = await once(dependencies, { ...request, method, authorization }, url, withBody, guard);
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null)
      return { response, url: url.href };
    await response.body?.cancel();
    if (hops >= maxRedirects) throw redirectFailure(url, "it redirects in a circle");
    if (!URL.canParse(location, url.href)) throw redirectFailure(url, "it redirects to no URL");
    const next = new URL(location, url);
    if (!/^https?:$/.test(next.protocol)) throw redirectFailure(url, `it redirects to ${next.protocol}`);
    // As browsers do: only 307 and 308 keep a method that changes something.
    if (response.status < 307 && method !== "HEAD") method = "GET";
    url = next;
  }
}

function redirectFailure(url: URL, why: string): Error {
  return fail("unavailable", "registry.redirect", `${url.host} can't be followed: ${why}`);
}

async function once(
  dependencies: TransportDependencies,
  request: HttpRequest,
  url: URL,
  body: HttpRequest["body"],
  guard: Watchdog,
): Promise<Response> {
  const sent = body?.();
  let unreadable: { readonly error: unknown } | undefined;
  const headers = {
    "User-Agent": `virga/${version}`,
    // Blobs are compressed as they are; an encoding on top would change their length.
    "Accept-Encoding": "identity",
    ...request.headers,
    ...(request.authorization === undefined ? {} : { Authorization: request.authorization }),
    ...(sent ? { "Content-Length": String(sent.size) } : {}),
  };
  const init: BunFetchRequestInit = {
    method: request.method,
    headers,
    redirect: "manual",
    signal: guard.signal,
    ...(sent ? { body: asBody(sent, guard, (error) => void (unreadable = { error })) } : {}),
    ...(url.protocol === "https:" ? { tls: tlsOf(dependencies, url.host, request.insecure) } : {}),
  };
  const options = { decompress: false, timeout: false };
  guard.touch();
  try {
    const proxy = proxyFor(url, dependencies.environment);
    const response = await fetchThrough(proxy, url.href, { ...init, ...options });
    guard.touch();
    return response;
  } catch (error) {
    if (unreadable) throw unreadable.error;
    throw networkFailure(error, url.host, guard.signal);
  }
}

/** `failed` hears of a failure of what is sent, which is none of the network's. */
function asBody(
  { content }: RequestBody,
  guard: Watchdog,
  failed: (error: unknown) => void,
): NonNullable<BunFetchRequestInit["body"]> {
  if (typeof content === "string") return content;
  if (content instanceof Uint8Array) return content as Uint8Array<ArrayBuffer>;
  const iterator = content[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      guard.touch();
      try {
        const next = await iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
        failed(error);
        throw error;
      }
    },
    cancel: () => void iterator.return?.(),
  });
}

function tlsOf(dependencies: TransportDependencies, host: string, insecure: boolean) {
  const { authorities, client } = dependencies.certificatesOf(host);
  const machine = dependencies.authorities();
  const all = [...(machine === undefined ? [] : [machine]), ...authorities];
  return {
    ...(insecure ? { rejectUnauthorized: false } : {}),
    // Given authorities replace the runtime's list, so they are given together or not at all.
    ...(machine === undefined && authorities.length === 0 ? {} : { ca: all }),
    ...(client ? { cert: client.certificate, key: client.key } : {}),
  };
}

function answer(response: Response, url: string, guard: Watchdog): HttpAnswer {
  const { host } = new URL(url);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      if (!response.body) return;
      for await (const chunk of response.body) {
        guard.touch();
        yield chunk;
        guard.touch(); // the reader's own time does not count
      }
    } catch (error) {
      throw networkFailure(error, host, guard.signal);
    } finally {
      guard[Symbol.dispose]();
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    url,
    chunks,
    async bytes(limit) {
      const pieces: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of chunks()) {
        size += chunk.length;
        if (size > limit) {
          throw fail("invalid", "registry.too-large", `the answer of ${host} is larger than ${limit} bytes`);
        }
        pieces.push(chunk);
      }
      return Buffer.concat(pieces);
    },
    async drop() {
      guard[Symbol.dispose]();
      await response.body?.cancel().catch(() => undefined);
    },
  };
}

const maxErrorBody = 64 * 1024;

/**
 * The answer's failure: `Repeatable` for what may go away by itself (RFC 9110: 408, 429, 500, 502, 503, 504), else what it
 * means. Reads the body.
 */
export async function failureOf(
  got: HttpAnswer,
  request: Pick<HttpRequest, "method" | "url">,
  what: string,
  clock: Clock,
): Promise<Error> {
  const bytes = await got.bytes(maxErrorBody).catch(() => new Uint8Array(0));
  const body = Buffer.from(bytes).toString("utf8");
  const failure = answerFailure({ ...request, status: got.status, body }, what);
  if (![408, 429, 500, 502, 503, 504].includes(got.status)) return failure;
  return new Repeatable(failure, retryAfter(got.headers.get("retry-after"), clock.now()));
}
