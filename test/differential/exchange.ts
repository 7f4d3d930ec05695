import { connect, type Socket } from "node:net";

export interface ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Asks for the connection itself (`Upgrade: tcp`), sends this, and closes its half. */
  readonly stdin?: string;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One request on a connection of its own, byte for byte as written here; no client library comes in between. */
export async function exchange(socketPath: string, request: ExchangeRequest): Promise<ExchangeResponse> {
  const answer = await wholeAnswer(socketPath, request);
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`no HTTP answer to ${request.method} ${request.path}: ${answer.toString()}`);
  const [first = "", ...lines] = answer.subarray(0, end).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const rest = answer.subarray(end + 4);
  const body = headers["transfer-encoding"] === "chunked" ? unchunk(rest) : rest;
  return { status: Number(first.split(" ")[1]), headers, body };
}

function wholeAnswer(socketPath: string, request: ExchangeRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket: Socket = connect({ path: socketPath, allowHalfOpen: true }, () => {
      socket.write(Buffer.concat([Buffer.from(head(request)), request.body ?? Buffer.alloc(0)]));
    });
    socket.setTimeout(60_000, () => socket.destroy(new Error(`no end: ${request.method} ${request.path}`)));
    socket.on("data", (chunk: Buffer) => {
      // Docker 20.10 loses what arrives together with the request.
      if (chunks.length === 0 && request.stdin !== undefined) socket.end(request.stdin);
      chunks.push(chunk);
    });
    socket.on("end", () => {
      socket.end();
      resolve(Buffer.concat(chunks));
    });
    socket.on("error", (error) => {
      // An answer before the end of the request, and the connection is closed: what came is the answer.
      if (chunks.length > 0) resolve(Buffer.concat(chunks));
      else reject(new Error(`${socketPath}: ${request.method} ${request.path}: ${error.message}`));
    });
  });
}

function head({ method, path, headers = {}, body, stdin }: ExchangeRequest): string {
  const upgrade = stdin === undefined ? ["Connection: close"] : ["Connection: Upgrade", "Upgrade: tcp"];
  const length =
    body === undefined
      ? method === "POST"
        ? ["Content-Length: 0"]
        : []
      : [`Content-Length: ${body.length}`];
  const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${path} HTTP/1.1`, "Host: docker", ...upgrade, ...length, ...own, "", ""].join("\r\n");
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = bytes.indexOf("\r\n", at);
    const size = line < 0 ? 0 : Number.parseInt(bytes.subarray(at, line).toString(), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
