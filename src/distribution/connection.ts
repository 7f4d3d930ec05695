import { fail, type Clock } from "../base/index.ts";
import type { Authorizer } from "./authorizer.ts";
import type { RepositoryName } from "./repository.ts";
import { repeated } from "./retry.ts";
import { failureOf, type HttpAnswer, type HttpRequest, type Transport } from "./transport.ts";

/** One repository at one address of a registry. */
export interface Connection {
  readonly name: RepositoryName;
  readonly host: string;
  readonly clock: Clock;
  /** `https://registry.example/v2/team/app/`. */
  readonly base: string;
  /** One request with authentication, not repeated. `path` is relative to `base`, or a URL that the registry gave. */
  once(request: Asked): Promise<HttpAnswer>;
  /** As `once`, repeated while that may help; answers with another status than `accepted` are thrown. */
  ask(request: Asked, accepted: readonly number[], what: string): Promise<HttpAnswer>;
  /** As `ask` for 200, with all of the body, `limit` bytes at most. */
  read(
    request: Asked,
    limit: number,
    what: string,
  ): Promise<{ readonly headers: Headers; readonly url: string; readonly bytes: Uint8Array }>;
  /** Throws what an answer means. */
  refuse(got: HttpAnswer, request: Asked, what: string): Promise<never>;
}

export interface Asked extends Omit<HttpRequest, "url" | "authorization" | "insecure"> {
  readonly path: string;
  /** Further rights than those of the connection: `repository:other:pull`. */
  readonly scopes?: readonly string[];
}

export interface ConnectionOptions {
  readonly name: RepositoryName;
  readonly base: string;
  readonly actions: string;
  readonly path: string;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
  readonly transport: Transport;
  readonly insecure: boolean;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { base, clock, authorizer, transport, insecure } = options;
  const { origin } = new URL(base);
  const own = `repository:${options.path}:${options.actions}`;
  const urlOf = (path: string) => new URL(path, base).href;
  const once = ({ path, scopes = [], ...request }: Asked) => {
    const url = urlOf(path);
    // Who sends us elsewhere for an upload does not send our password there.
    if (new URL(url).origin !== origin) return transport.send({ ...request, url, insecure });
    return authorizer.send({ ...request, url }, [own, ...scopes]);
  };
  const refuse = async (got: HttpAnswer, request: Asked, what: string): Promise<never> => {
    throw await failureOf(got, { method: request.method, url: urlOf(request.path) }, what, clock);
  };
  return {
    name: options.name,
    host: new URL(base).host,
    clock,
    base,
    once,
    refuse,
    read: (request, limit, what) =>
      repeated(clock, request.signal, async () => {
        const got = await once(request);
        if (got.status !== 200) return await refuse(got, request, what);
        const length = Number(got.headers.get("content-length") ?? 0);
        if (length > limit) {
          await got.drop();
          throw fail("invalid", "registry.too-large", `${what} is larger than ${limit} bytes`);
        }
        return { headers: got.headers, url: got.url, bytes: await got.bytes(limit) };
      }),
    ask: (request, accepted, what) =>
      repeated(clock, request.signal, async () => {
        const got = await once(request);
        if (accepted.includes(got.status)) return got;
        return await refuse(got, request, what);
      }),
  };
}
