import { fail } from "../../../base/index.ts";

/** What comes before the body of a request. */
export interface RequestHead {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly target: string;
  readonly headers: Headers;
  /** Bytes of the body, or that it comes in chunks. */
  readonly length: number | "chunked";
  /** HTTP/1.1; its predecessor knows neither chunks nor connections that are kept. */
  readonly modern: boolean;
  /** The client wants the connection kept for its next request. */
  readonly kept: boolean;
  /** The client wants another protocol on the connection. */
  readonly upgrades: boolean;
  /** The client sends the body when it is told to. */
  readonly waits: boolean;
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.([01])$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;

/** Reads a head, without the empty line at its end. Throws `invalid` / `api.bad-request`. */
export function parseHead(text: string): RequestHead {
  const [first = "", ...lines] = text.split("\r\n");
  const [, method, target, minor] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) throw bad("malformed request line");
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw bad("malformed header");
    headers.append(name, checkedValue(value));
  }
  const modern = minor === "1";
  const tokens = (headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/);
  return {
    method,
    target: pathAndQuery(target),
    headers,
    length: bodyLength(headers, modern),
    modern,
    kept: modern && !tokens.includes("close"),
    upgrades: tokens.includes("upgrade") && headers.has("upgrade"),
    waits: modern && headers.get("expect")?.toLowerCase() === "100-continue",
  };
}

/** A proxy's form of the target names the host, too. */
function pathAndQuery(target: string): string {
  if (target.startsWith("/")) return target;
  const url = /^https?:\/\//i.test(target) ? URL.parse(target) : null;
  if (url === null) throw bad("malformed address");
  return url.pathname + url.search;
}

function bodyLength(headers: Headers, modern: boolean): number | "chunked" {
  const [coding, length] = [headers.get("transfer-encoding"), headers.get("content-length")];
  if (coding !== null) {
    // Two lengths for one body: whoever stands between would read another one.
    if (length !== null || !modern) throw bad("a body has one length");
    if (coding.toLowerCase() !== "chunked") throw bad(`unsupported transfer encoding ${coding}`);
    return "chunked";
  }
  if (length === null) return 0;
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(Number(length)))
    throw bad(`bad Content-Length ${length}`);
  return Number(length);
}

function checkedValue(value: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(value)) throw bad("malformed header");
  return value;
}

export function bad(why: string): Error {
  return fail("invalid", "api.bad-request", `bad request: ${why}`);
}
