import { KeyedLock, type Clock } from "../base/index.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { fetchToken, type Token } from "./tokens.ts";
import type { Transport } from "./transport.ts";

export interface TokenCache {
  /** A token for the scopes that is fresh, and not the one that the registry has just `refused`. */
  get(
    challenge: Challenge,
    scopes: readonly string[],
    signal: AbortSignal,
    refused: string | undefined,
  ): Promise<string>;
}

export interface TokenCacheDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly host: string;
  readonly insecure: boolean;
  readonly credentials?: Credentials | undefined;
}

/** A token is not used in its last moments: the request takes its time too. */
const margin = 5_000;

export function createTokenCache(dependencies: TokenCacheDependencies): TokenCache {
  const { transport, clock, host, insecure, credentials } = dependencies;
  const locks = new KeyedLock();
  const tokens = new Map<string, Token>();
  return {
    async get(challenge, scopes, signal, refused) {
      const key = scopes.toSorted().join(" ");
      using _lock = await locks.acquire(key, signal); // many layers want the same token at once
      const known = tokens.get(key);
      const fresh = known && known.token !== refused && known.expiresAt - margin > clock.now().getTime();
      if (fresh) return known.token;
      const request = { challenge, scopes, credentials, host, insecure, signal };
      const token = await fetchToken(transport, clock, request);
      tokens.set(key, token);
      return token.token;
    },
  };
}
