import { refuse, type Action, type Registry } from "../../registry/index.ts";

/** Who asks, and what they may do. */
export interface Caller {
  /** Absent where nobody has a name. */
  readonly name?: string;
  may(action: Action, repository: string): boolean;
  /** What the catalog shows, where it is not what `may` lets pull. */
  mayList?(repository: string): boolean;
  /** Whether another token would let them. */
  couldAsk?(action: Action, repository: string): boolean;
}

/** One request for something in a repository. */
export interface Call {
  readonly registry: Registry;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly caller: Caller;
  /** The repository. */
  readonly name: string;
  /** What the request calls it: the same, or without the prefix of a cache. */
  readonly asked: string;
  /** Whether what is asked for is fetched from another registry when it is not here. */
  readonly isCached: boolean;
  /** The last part of the path: tag, digest or upload. */
  readonly last: string;
}

/** A whole number of the query; undefined when it is not there. Throws `invalid` / `registry.query-invalid`. */
export function countOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw refuse(
    "invalid",
    "registry.query-invalid",
    `${name} takes a whole number, not '${text.slice(0, 100)}'`,
    {
      detail: { [name]: text.slice(0, 100) },
    },
  );
}

/** The header that leads to the next page (RFC 8288). */
export function nextLink(path: string, parameters: Readonly<Record<string, string>>): string {
  return `<${path}?${new URLSearchParams(parameters).toString()}>; rel="next"`;
}

export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), { headers: { "Content-Type": "application/json", ...headers } });
}
