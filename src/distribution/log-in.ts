import type { Clock } from "../base/index.ts";
import { parseChallenges } from "./challenge.ts";
import type { Contact } from "./contacts.ts";
import type { Credentials } from "./credentials.ts";
import { repeated } from "./retry.ts";
import { basic, fetchToken } from "./tokens.ts";
import { failureOf, type HttpRequest, type Transport } from "./transport.ts";

export interface LogInDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly domain: string;
  readonly host: string;
}

/** Shows the registry the credentials, and a token made with them; asks for a refresh token on the way. */
export async function logIn(
  { transport, clock, domain, host }: LogInDependencies,
  { origin, insecure, challenged }: Contact,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<{ readonly identityToken?: string }> {
  const challenge = parseChallenges(challenged ?? "").find((one) => one.scheme === "bearer");
  const asking = { scopes: [], credentials, offline: true, host, insecure, signal };
  return await repeated(clock, signal, async () => {
    const token = challenge && (await fetchToken(transport, clock, { ...asking, challenge }));
    const authorization = token ? `Bearer ${token.token}` : basic(credentials);
    const request: HttpRequest = { method: "GET", url: `${origin}/v2/`, insecure, signal, authorization };
    const got = await transport.send(request);
    if (got.status !== 200) throw await failureOf(got, request, `login to ${domain}`, clock);
    await got.drop();
    return token?.refreshToken === undefined ? {} : { identityToken: token.refreshToken };
  });
}
