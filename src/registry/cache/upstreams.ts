import { isVirgaError, toVirgaError, type Clock } from "../../base/index.ts";
import type { Registries, RemoteRepository } from "../../distribution/index.ts";
import { refuse, RegistryError } from "../errors.ts";
import type { Upstream } from "./cache.ts";

/** A repository of an upstream, by its name here. */
export interface Target {
  readonly upstream: Upstream;
  /** `library/debian` */
  readonly path: string;
}

/** Connections to repositories of upstreams, which keep their tokens for a while. */
export interface Upstreams {
  open(target: Target, signal: AbortSignal): Promise<RemoteRepository>;
}

const lifeMs = 4 * 60_000;
const most = 500;

export function createUpstreams(registries: Pick<Registries, "open">, clock: Clock): Upstreams {
  const open = new Map<string, { readonly remote: RemoteRepository; readonly until: number }>();
  return {
    async open({ upstream, path }, signal) {
      const { domain, credentials } = upstream;
      const key = `${domain}/${path}`;
      const known = open.get(key);
      if (known && known.until > clock.now().getTime()) return known.remote;
      const remote = await registries.open({ domain, path }, { credentials, signal });
      open.delete(key);
      open.set(key, { remote, until: clock.now().getTime() + lifeMs });
      const [oldest] = open.keys();
      if (open.size > most && oldest !== undefined) open.delete(oldest);
      return remote;
    },
  };
}

/** Whether the upstream said that it has not what was asked for, or has it for others: there is nothing to serve then. */
export function saysNo(error: unknown): boolean {
  return (
    isVirgaError(error) &&
    ["registry.not-found", "registry.unauthorized", "registry.denied"].includes(error.code)
  );
}

/** Whether it can't be asked, so that it is of no use to try again at once. */
export function isAway(error: unknown): boolean {
  return isVirgaError(error) && ["unavailable", "timeout"].includes(error.kind);
}

/** An upstream's failure in the words of this registry. */
export function upstreamFailure(error: unknown, { upstream: { domain }, path }: Target, kind: string): Error {
  const { message, code, kind: why } = toVirgaError(error);
  if (error instanceof RegistryError || why === "exhausted" || why === "internal") return error as Error;
  const busy = code === "registry.rate-limited";
  const detail = { upstream: domain, name: path, ...(busy ? { retryAfter: 60 } : {}) };
  const text = `${domain}: ${message}`;
  if (saysNo(error)) return refuse("not-found", `registry.${kind}-unknown`, text, { detail, cause: error });
  return refuse("unavailable", busy ? "registry.upstream-busy" : "registry.upstream-failed", text, {
    detail,
    cause: error,
  });
}
