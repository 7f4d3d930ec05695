import { errorKinds, fail, isVirgaError, VirgaError, type ErrorKind } from "../../../base/index.ts";

export type QueryValue = string | number | boolean | readonly string[] | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: NonNullable<RequestInit["body"]>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Requests to a Docker Engine API. A status of 400 or more is thrown as the daemon's own error. */
export interface Transport {
  readonly socket: string;
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
}

/** Asks a Virga daemon to tell errors apart from their hints, with kind and code. Others ignore it. */
export const errorDetailHeader = "x-virga-error-detail";

export interface TransportOptions {
  /** Path of the unix socket. */
  readonly socket: string;
  /** Called once, when nobody listens there; the request is then made again. Without it that is an error. */
  readonly wake?: () => Promise<unknown>;
}

export function createTransport({ socket, wake }: TransportOptions): Transport {
  let mayWake = wake !== undefined;
  const once = (method: string, path: string, options: RequestOptions) =>
    send(socket, method, path + queryText(options.query), options);
  const request: Transport["request"] = async (method, path, options = {}) => {
    let response: Response;
    try {
      response = await once(method, path, options);
    } catch (error) {
      if (!mayWake || !isVirgaError(error, "unavailable")) throw error;
      mayWake = false;
      await wake!();
      response = await once(method, path, options);
    }
    if (response.status >= 400) throw await errorOf(response);
    return response;
  };
  return {
    socket,
    request,
    json: async <T>(method: string, path: string, options?: RequestOptions) =>
      (await (await request(method, path, options)).json()) as T,
  };
}

async function send(
  socket: string,
  method: string,
  path: string,
  options: RequestOptions,
): Promise<Response> {
  const { json, body, headers, signal } = options;
  try {
    return await fetch(`http://docker${path}`, {
      unix: socket,
      method,
      headers: {
        [errorDetailHeader]: "1",
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
      // A stream may be silent for as long as it likes.
      timeout: false,
    } as RequestInit);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable(socket, error);
  }
}

export function unreachable(socket: string, cause: unknown): VirgaError {
  return fail("unavailable", "daemon.unreachable", `no daemon answers at ${socket}`, {
    cause,
    hint: "virga system status",
  });
}

export function queryText(query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}=${encodeURIComponent(String(one))}`),
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

interface ErrorBody {
  readonly message?: string;
  readonly kind?: string;
  readonly code?: string;
  readonly hint?: string;
}

const kindOfStatus: Readonly<Record<number, ErrorKind>> = {
  400: "invalid",
  401: "permission",
  403: "permission",
  404: "not-found",
  409: "conflict",
  412: "precondition",
  501: "unimplemented",
  503: "unavailable",
};

async function errorOf(response: Response): Promise<VirgaError> {
  const text = await response.text();
  return errorFrom(response.status, text);
}

/** The error that a response of this status and body tells of. */
export function errorFrom(status: number, text: string): VirgaError {
  const body = parsed(text);
  const kind = errorKinds.find((one) => one === body.kind) ?? kindOfStatus[status] ?? "internal";
  return new VirgaError(
    kind,
    body.code ?? `docker.${status}`,
    body.message ?? `the daemon answered ${status}`,
    body.hint === undefined ? {} : { hint: body.hint },
  );
}

function parsed(text: string): ErrorBody {
  try {
    return (JSON.parse(text) as ErrorBody | null) ?? {};
  } catch {
    return text.trim() === "" ? {} : { message: text.trim() };
  }
}

/** The JSON values of a stream that has one after the other, a line each. */
export async function* jsonLines<T>(response: Response, signal?: AbortSignal): AsyncIterableIterator<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of bodyOf(response, signal)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part.trim() !== "") yield JSON.parse(part) as T;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as T;
}

/** The bytes of a response; throws `unavailable` / `daemon.lost` when the daemon goes away in the middle. */
export async function* bodyOf(response: Response, signal?: AbortSignal): AsyncIterableIterator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) yield chunk;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw fail("unavailable", "daemon.lost", "the daemon went away in the middle", {
      cause: error,
      hint: "virga system logs",
    });
  }
}
