import { z } from "zod";
import { fail, type Clock } from "../base/index.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { nameOf } from "./settings.ts";
import { failureOf, type HttpRequest, type Transport } from "./transport.ts";

/** A token server's answer (distribution's token specification, and OAuth2's for refresh tokens). */
const answer = z.object({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  refresh_token: z.string().nullish(),
  expires_in: z.number().nullish(),
});

export interface Token {
  readonly token: string;
  /** Given when it was asked for (`offline`) and the server has such. */
  readonly refreshToken?: string;
  readonly expiresAt: number;
}

export interface TokenRequest {
  /** The `Bearer` challenge. */
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  readonly credentials?: Credentials | undefined;
  /** Asks for a refresh token too: a login. */
  readonly offline?: boolean;
  /** The registry that asks, and whether it may be talked to without a checked certificate. */
  readonly host: string;
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

const clientId = "virga";
const maxTokenBytes = 1 << 20;
/** What the specification says a token lives when the answer does not. */
const defaultLife = 60;

/**
 * Gets a token: GET with the password as Basic, or, for a refresh token, POST as OAuth2 has it (and GET where the server
 * does not know that). Throws `permission` / `registry.unauthorized` for credentials that the server refuses.
 */
export async function fetchToken(transport: Transport, clock: Clock, request: TokenRequest): Promise<Token> {
  const realm = realmOf(request);
  const common = { insecure: request.insecure, signal: request.signal };
  const { credentials } = request;
  const http: HttpRequest =
    credentials?.kind === "identity"
      ? { ...common, method: "POST", url: realm.href, ...form(request, credentials.token) }
      : { ...common, method: "GET", url: tokenUrl(realm, request).href, authorization: basic(credentials) };
  const got = await transport.send(http);
  if (got.status !== 200) throw await failureOf(got, http, `token for ${request.host}`, clock);
  const parsed = answer.safeParse(json(await got.bytes(maxTokenBytes)));
  const token = parsed.data?.token || parsed.data?.access_token;
  if (!parsed.success || !token) {
    throw fail("unavailable", "registry.token-invalid", `${realm.host} answered without a token`);
  }
  const life = parsed.data.expires_in ?? defaultLife;
  return {
    token,
    ...(parsed.data.refresh_token ? { refreshToken: parsed.data.refresh_token } : {}),
    expiresAt: clock.now().getTime() + Math.max(life, 0) * 1000,
  };
}

/** `Basic …` of a password; undefined for anything else. */
export function basic(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind !== "password") return undefined;
  const pair = `${credentials.username}:${credentials.password}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

function realmOf({ challenge, host, insecure, credentials }: TokenRequest): URL {
  const { realm = "" } = challenge.parameters;
  if (!URL.canParse(realm) || !/^https?:$/.test(new URL(realm).protocol)) {
    throw fail(
      "unavailable",
      "registry.challenge-invalid",
      `${host} asks for a token from '${realm}', which is no URL`,
    );
  }
  const url = new URL(realm);
  const sameMachine = nameOf(url.host) === nameOf(host);
  if (url.protocol === "http:" && credentials && !(insecure && sameMachine)) {
    throw fail(
      "permission",
      "registry.challenge-insecure",
      `${host} wants the credentials sent to ${url.host} without encryption`,
      { hint: `ask its operator for a token server with https` },
    );
  }
  return url;
}

function tokenUrl(realm: URL, { challenge, scopes, credentials, offline }: TokenRequest): URL {
  const url = new URL(realm);
  const { service } = challenge.parameters;
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials?.kind === "password") url.searchParams.set("account", credentials.username);
  if (offline === true) {
    url.searchParams.set("offline_token", "true");
    url.searchParams.set("client_id", clientId);
  }
  return url;
}

function form({ challenge, scopes, offline }: TokenRequest, refreshToken: string) {
  const fields = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    client_id: clientId,
    service: challenge.parameters["service"] ?? "",
    ...(scopes.length > 0 ? { scope: scopes.join(" ") } : {}),
    ...(offline === true ? { access_type: "offline" } : {}),
  }).toString();
  return {
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: () => ({ size: Buffer.byteLength(fields), content: fields }),
  };
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
