import { Hono, type Context } from "hono";
import type { Logger } from "../../base/index.ts";
import type { Scrubber } from "../../content/index.ts";
import { anonymous, checkName, refuse, type Action, type Registry } from "../../registry/index.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import {
  challenge,
  identify,
  issueToken,
  unauthorized,
  type AccessDependencies,
  type Incoming,
} from "./access.ts";
import type { Call, Caller } from "./call.ts";
import { createRegistryMetrics } from "./metrics.ts";
import { encodeError, isServerFault } from "./errors.ts";
import { listCatalog, listTags } from "./lists.ts";
import { deleteManifest, getManifest, listReferrers, putManifest } from "./manifests.ts";
import { parsePath, pathOf, queryOf, type Route } from "./route.ts";
import { appendUpload, beginUpload, cancelUpload, commitUpload, uploadStatus } from "./uploads.ts";

export interface RegistryApiDependencies {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly access: AccessDependencies;
  readonly scrubber?: Pick<Scrubber, "status">;
}

type Handler = (call: Call) => Response | Promise<Response>;

/** What each kind of path answers to, and the right that it takes. */
const handlers: Readonly<
  Record<Exclude<Route["kind"], "base" | "catalog">, Readonly<Record<string, readonly [Action, Handler]>>>
> = {
  manifest: {
    GET: ["pull", getManifest],
    HEAD: ["pull", getManifest],
    PUT: ["push", putManifest],
    DELETE: ["delete", deleteManifest],
  },
  blob: { GET: ["pull", getBlob], HEAD: ["pull", getBlob], DELETE: ["delete", deleteBlob] },
  uploads: { POST: ["push", beginUpload] },
  upload: {
    PATCH: ["push", appendUpload],
    PUT: ["push", commitUpload],
    GET: ["push", uploadStatus],
    HEAD: ["push", uploadStatus],
    DELETE: ["push", cancelUpload],
  },
  tags: { GET: ["pull", listTags], HEAD: ["pull", listTags] },
  referrers: { GET: ["pull", listReferrers], HEAD: ["pull", listReferrers] },
};

/** What the server knows of a request beyond what is in it: the address that it comes from. */
export interface Peer {
  readonly peer: () => string;
}

/** The HTTP side of the registry: parses, asks the concept, encodes. */
export function createRegistryApp(dependencies: RegistryApiDependencies): Hono<{ Bindings: Peer }> {
  const { logger, registry, access, scrubber } = dependencies;
  const metrics = createRegistryMetrics();
  const app = new Hono<{ Bindings: Peer }>();
  app.use(async (context, next) => {
    await next();
    context.res.headers.set("Docker-Distribution-Api-Version", "registry/2.0");
  });
  const serve = async (context: Context<{ Bindings: Peer }>) => {
    const incoming = incomingOf(context);
    const { request } = incoming;
    let kind = "unknown";
    const response = await answer(dependencies, incoming, (found) => (kind = found)).catch((error: unknown) =>
      failure(error, dependencies, request),
    );
    metrics.count(request.method, kind, response);
    return response;
  };
  app.all("/v2", serve);
  app.all("/v2/*", serve);
  app.on(["GET", "POST"], "/token", (context) => issueToken(access, incomingOf(context)));
  app.get("/metrics", async (context) => {
    if ((await identify(access, incomingOf(context))).name === anonymous)
      throw unauthorized("the metrics are for users");
    return new Response(
      metrics.text(registry.totals(), { caches: registry.caches.totals(), scrub: scrubber?.status() }),
      {
        headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
      },
    );
  });
  app.notFound((context) => {
    throw refuse("not-found", "registry.path-unknown", `no such path: ${context.req.path.slice(0, 300)}`);
  });
  app.onError((error, context) => failure(error, { access, logger }, context.req.raw));
  return app;
}

function incomingOf({ req, env }: Context<{ Bindings: Peer }>): Incoming {
  return { request: req.raw, peer: env.peer };
}

async function answer(
  { registry, access }: RegistryApiDependencies,
  incoming: Incoming,
  tellKind: (kind: Route["kind"]) => void,
): Promise<Response> {
  const { request } = incoming;
  const { method, url } = request;
  const route = parsePath(pathOf(url));
  tellKind(route.kind);
  const caller = await identify(access, incoming);
  const query = queryOf(url);
  if (route.kind === "base" || route.kind === "catalog") {
    if (method !== "GET" && method !== "HEAD") throw unsupported(method, ["GET", "HEAD"]);
    // How docker login finds out that there is something to log in to, and who lists that there may be more to see.
    if (caller.name === anonymous && !request.headers.has("authorization")) throw logIn(route.kind);
    if (route.kind === "catalog") return listCatalog(registry, caller, query);
    return new Response("{}", { headers: { "Content-Type": "application/json" } });
  }
  const methods = handlers[route.kind];
  const [action, handler] = methods[method] ?? [];
  if (!action || !handler) throw unsupported(method, Object.keys(methods));
  const asked = checkName(route.name);
  const name = nameOf(registry, access, asked, query);
  if (!caller.may(action, name))
    throw denied(caller, action, name, access.mirrorOf === undefined ? name : asked);
  const upstream = registry.caches.of(name);
  if (upstream && action === "push") throw cacheOf(upstream.domain, name);
  return await handler({
    ...{ registry, request, query, caller, name, asked },
    isCached: upstream !== undefined && action === "pull",
    last: route.last,
  });
}

/** A mirror is one registry's; containerd says with `ns` which one it means. */
function nameOf(
  { caches }: Registry,
  { mirrorOf }: AccessDependencies,
  asked: string,
  query: URLSearchParams,
): string {
  const domain = mirrorOf ?? query.get("ns");
  return (domain === null ? undefined : caches.nameIn(domain, asked)) ?? asked;
}

function logIn(kind: "base" | "catalog"): Error {
  const scope = kind === "catalog" ? { detail: { scope: "registry:catalog:*" } } : {};
  return refuse("permission", "registry.unauthorized", "log in first", {
    hint: "docker login; users are made with: virga registry user add NAME",
    ...scope,
  });
}

function cacheOf(domain: string, name: string): Error {
  return refuse(
    "permission",
    "registry.denied",
    `'${name}' is a cache of ${domain}: nothing is pushed to it`,
    {
      detail: { name, upstream: domain },
    },
  );
}

function failure(
  error: unknown,
  { access, logger }: Pick<RegistryApiDependencies, "access" | "logger">,
  request: Request,
): Response {
  const { status, body } = encodeError(error);
  const { method } = request;
  const path = pathOf(request.url);
  if (isServerFault(error)) logger.error("a registry request failed", { method, path, status, error });
  else logger.debug("a registry request was refused", { method, path, status, errors: body.errors });
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  const { size, allowed, scope, error: reason, retryAfter } = detailOf(body);
  if (status === 429 && typeof retryAfter === "number") headers["Retry-After"] = String(retryAfter);
  if (status === 416 && typeof size === "number") headers["Content-Range"] = `bytes */${size}`;
  if (status === 405 && Array.isArray(allowed)) headers["Allow"] = allowed.join(", ");
  if (status === 401) {
    const basic = path === "/token" || path === "/metrics";
    headers["WWW-Authenticate"] = basic
      ? 'Basic realm="registry"'
      : challenge(access, request, scope, reason);
  }
  return new Response(JSON.stringify(body), { status, headers });
}

interface Detail {
  readonly size?: unknown;
  readonly allowed?: unknown;
  readonly retryAfter?: unknown;
  readonly scope?: string;
  readonly error?: string;
}

function detailOf(body: ReturnType<typeof encodeError>["body"]): Detail {
  const detail = body.errors[0]?.detail;
  return typeof detail === "object" && detail !== null ? detail : {};
}

function unsupported(method: string, allowed: readonly string[]): Error {
  return refuse("unimplemented", "registry.method-unsupported", `${method} is not supported here`, {
    detail: { method, allowed },
  });
}

/** 401 where a password or another token may help, otherwise 403. */
function denied(caller: Caller, action: Action, name: string, asked: string): Error {
  const more = caller.couldAsk?.(action, name) ?? false;
  const scope = `repository:${asked}:${action === "push" ? "pull,push" : action}`;
  const message = `you may not ${action} '${name}'`;
  if (!more && caller.name !== anonymous) {
    return refuse("permission", "registry.denied", message, { detail: { action, name } });
  }
  return refuse("permission", "registry.unauthorized", message, {
    detail: { action, name, scope, ...(more ? { error: "insufficient_scope" } : {}) },
    hint: "docker login",
  });
}
