import {
  anonymous,
  refuse,
  type Access,
  type Action,
  type Attempts,
  type Tokens,
  type Users,
} from "../../registry/index.ts";
import type { Caller } from "./call.ts";

export interface AccessDependencies {
  readonly users: Users;
  readonly tokens: Tokens;
  readonly attempts: Attempts;
  /**
   * Whether only this machine reaches the registry: then everybody may do everything as long as nobody was given a
   * password or a right.
   */
  readonly loopback: boolean;
  readonly tls: boolean;
  /** At this address only the cache of this registry is served, by the names that it has itself: a mirror. */
  readonly mirrorOf?: string | undefined;
  /** The name in full of what clients call `name` in the registry `domain`. */
  readonly nameIn: (domain: string, name: string) => string | undefined;
}

/** A request, and the address it comes from. */
export interface Incoming {
  readonly request: Request;
  readonly peer: () => string;
}

/**
 * Says who sends a request. Throws `permission` / `registry.unauthorized` for a wrong password or token, and
 * `registry.too-many-attempts`.
 */
export async function identify(dependencies: AccessDependencies, incoming: Incoming): Promise<Caller> {
  const { users, tokens, loopback } = dependencies;
  const { request } = incoming;
  if (loopback && users.isEmpty()) {
    refuseForeignHost(request);
    return { may: () => true };
  }
  const [scheme = "", value = ""] = (request.headers.get("authorization") ?? "").split(" ");
  if (scheme.toLowerCase() === "bearer") {
    const claims = tokens.read(value);
    if (!claims) throw unauthorized("the token is not valid, or no longer");
    return tokenCaller(users, claims.user, claims.access);
  }
  const user =
    scheme.toLowerCase() === "basic" ? await checkPassword(dependencies, incoming, value) : anonymous;
  return { name: user, may: (action, repository) => users.may(user, action, repository) };
}

/** Answers the token endpoint (distribution project, spec/auth/token.md and oauth.md). */
export async function issueToken(dependencies: AccessDependencies, incoming: Incoming): Promise<Response> {
  const { tokens } = dependencies;
  const read = incoming.request.method === "POST" ? readForm : readQuery;
  const { user, scopes } = await read(dependencies, incoming);
  const access = scopes.flatMap((scope) => granted(dependencies, user, scope));
  const token = tokens.issue({ user, access });
  const body = {
    token,
    access_token: token,
    expires_in: tokens.lifeSeconds,
    issued_at: new Date().toISOString(),
  };
  return Response.json(body, { headers: { "Cache-Control": "no-store" } });
}

/** The header that tells a client where it gets a token (RFC 6750, section 3). */
export function challenge(
  { tls }: AccessDependencies,
  request: Request,
  scope?: string,
  error?: string,
): string {
  const host = request.headers.get("host") ?? "localhost";
  const parts = { realm: `${tls ? "https" : "http"}://${host}/token`, service: host, scope, error };
  const text = Object.entries(parts).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value}"`],
  );
  return `Bearer ${text.join(",")}`;
}

export function unauthorized(message: string): Error {
  return refuse("permission", "registry.unauthorized", message, {
    hint: "docker login; users are made with: virga registry user add NAME",
  });
}

/** A token gives what it says, as long as its user still has it. */
function tokenCaller(users: Users, user: string, access: readonly Access[]): Caller {
  const says = (action: Action, repository: string) =>
    access.some((one) => one.name === repository && one.actions.includes(action));
  return {
    name: user,
    may: (action, repository) => says(action, repository) && users.may(user, action, repository),
    mayList: (repository) => users.may(user, "pull", repository),
    couldAsk: (action, repository) => !says(action, repository) && users.may(user, action, repository),
  };
}

async function checkPassword(
  { users, attempts }: AccessDependencies,
  { peer }: Incoming,
  encoded: string,
): Promise<string> {
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(0, colon));
  const check = () => users.verify(name, text.slice(colon + 1));
  if (colon > 0 && (await attempts.guard(peer(), name.slice(0, 100), check))) return name;
  throw unauthorized("unknown user or wrong password");
}

async function readQuery(dependencies: AccessDependencies, incoming: Incoming) {
  const { request } = incoming;
  const query = new URL(request.url).searchParams;
  const [scheme = "", value = ""] = (request.headers.get("authorization") ?? "").split(" ");
  const user =
    scheme.toLowerCase() === "basic" ? await checkPassword(dependencies, incoming, value) : anonymous;
  return { user, scopes: query.getAll("scope").flatMap((one) => one.split(" ")) };
}

async function readForm(dependencies: AccessDependencies, incoming: Incoming) {
  const form = new URLSearchParams(await incoming.request.text());
  if (form.get("grant_type") !== "password") {
    throw refuse("invalid", "registry.grant-type", "only the grant type 'password' is supported");
  }
  const credentials = `${form.get("username") ?? ""}:${form.get("password") ?? ""}`;
  const user = await checkPassword(dependencies, incoming, Buffer.from(credentials).toString("base64"));
  return { user, scopes: (form.get("scope") ?? "").split(" ") };
}

/** `repository:team/app:pull,push`, cut down to what the user may. */
function granted({ users, mirrorOf, nameIn }: AccessDependencies, user: string, scope: string): Access[] {
  const match = /^repository(?:\([a-z]+\))?:(.+):([a-z,*]*)$/.exec(scope);
  if (!match) return [];
  const name = (mirrorOf === undefined ? undefined : nameIn(mirrorOf, match[1]!)) ?? match[1]!;
  const asked = match[2]!.split(",");
  const given = (["pull", "push", "delete"] as const).filter(
    (action) => (asked.includes(action) || asked.includes("*")) && users.may(user, action, name),
  );
  return given.length > 0 ? [{ name, actions: given }] : [];
}

/**
 * A web page may have its own name point at this machine, and would then read what its visitor can reach. Names of this
 * machine are none of a page's.
 */
function refuseForeignHost(request: Request): void {
  const host = (request.headers.get("host") ?? "").replace(/:\d+$/, "").toLowerCase();
  if (host === "" || host === "localhost" || host.endsWith(".localhost") || /^[\d.]+$|^\[.*\]$/.test(host))
    return;
  throw refuse(
    "permission",
    "registry.denied",
    `without users the registry answers to localhost, not to '${host}'`,
    {
      hint: "make users: virga registry user add NAME",
    },
  );
}
