import { fail, type Clock } from "../base/index.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { createTokenCache } from "./token-cache.ts";
import { basic } from "./tokens.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";

/**
 * Who we are to one registry, for one piece of work: learns from its first 401 what it wants (nothing, a password, a
 * token), gets tokens for scopes and new ones when they run out.
 */
export interface Authorizer {
  /** Sends with what the registry wants. A 401 that stays comes back as the answer. */
  send(
    request: Omit<HttpRequest, "authorization" | "insecure">,
    scopes: readonly string[],
  ): Promise<HttpAnswer>;
}

export interface AuthorizerDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly host: string;
  readonly insecure: boolean;
  readonly credentials?: Credentials | undefined;
  /** The WWW-Authenticate of the registry's answer to a request without authentication. */
  readonly challenged?: string | undefined;
}

export function createAuthorizer(dependencies: AuthorizerDependencies): Authorizer {
  const { transport, host, insecure, credentials } = dependencies;
  const tokens = createTokenCache(dependencies);
  const early = chooseChallenge(dependencies.challenged ?? null, credentials, host);
  let challenge = early && withoutScope(early);

  const authorization = async (scopes: readonly string[], signal: AbortSignal, refused?: string) => {
    if (challenge === undefined) return undefined;
    if (challenge.scheme === "basic") return basic(credentials);
    if (credentials?.kind === "bearer") return `Bearer ${credentials.token}`;
    return `Bearer ${await tokens.get(challenge, scopes, signal, refused?.replace(/^Bearer /, ""))}`;
  };

  return {
    async send(request, scopes) {
      const first = await authorization(scopes, request.signal);
      const got = await transport.send({ ...request, insecure, authorization: first });
      if (got.status !== 401) return got;
      const asked = chooseChallenge(got.headers.get("www-authenticate"), credentials, host);
      if (asked === undefined) return got;
      challenge = withoutScope(asked);
      const wanted = scopesOf(asked, scopes);
      const second = await authorization(wanted, request.signal, first).catch(async (error: unknown) => {
        await got.drop();
        throw error;
      });
      // The same again would be refused the same.
      if (second === undefined || second === first) return got;
      await got.drop();
      return await transport.send({ ...request, insecure, authorization: second });
    },
  };
}

/** Bearer before Basic; undefined when there is nothing that we could answer with. */
function chooseChallenge(
  header: string | null,
  credentials: Credentials | undefined,
  host: string,
): Challenge | undefined {
  const challenges = parseChallenges(header ?? "");
  const bearer = challenges.find((one) => one.scheme === "bearer");
  if (bearer) return bearer;
  const plain = challenges.find((one) => one.scheme === "basic");
  if (plain) return credentials?.kind === "password" ? plain : undefined;
  const schemes = challenges.map((one) => one.scheme).join(", ");
  if (schemes === "") return undefined;
  throw fail(
    "unimplemented",
    "registry.auth-scheme",
    `${host} asks for a kind of authentication that is not supported: ${schemes}`,
  );
}

/** The next request for other scopes must not ask for those of this one. */
function withoutScope({ scheme, parameters }: Challenge): Challenge {
  const kept = Object.entries(parameters).filter(([name]) => name !== "scope");
  return { scheme, parameters: Object.fromEntries(kept) };
}

/** What we want, and what the registry says that it wants on top (as for a catalog or a mount). */
function scopesOf({ parameters: { scope } }: Challenge, wanted: readonly string[]): readonly string[] {
  const theirs = scope === undefined || scope === "" ? [] : scope.split(" ");
  const names = new Set(wanted.map((one) => one.replace(/:[^:]*$/, "")));
  return [...wanted, ...theirs.filter((one) => !names.has(one.replace(/:[^:]*$/, "")))];
}
