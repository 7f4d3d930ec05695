import { Hono, type Context } from "hono";
import type { Logger } from "../../base/index.ts";
import { checkName, refuse, type Registry } from "../../registry/index.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import type { Action, Call, Caller } from "./call.ts";
import { encodeError, isServerFault } from "./errors.ts";
import { listCatalog, listTags } from "./lists.ts";
import { deleteManifest, getManifest, listReferrers, putManifest } from "./manifests.ts";
import { parsePath, pathOf, queryOf, type Route } from "./route.ts";
import { appendUpload, beginUpload, cancelUpload, commitUpload, uploadStatus } from "./uploads.ts";

export interface RegistryApiDependencies {
  readonly registry: Registry;
  readonly logger: Logger;
  /** Who sends the request. */
  readonly identify: (request: Request) => Caller;
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

/** The HTTP side of the registry: parses, asks the concept, encodes. */
export function createRegistryApp(dependencies: RegistryApiDependencies): Hono {
  const { logger } = dependencies;
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.res.headers.set("Docker-Distribution-Api-Version", "registry/2.0");
  });
  app.all("/v2", (context) => answer(dependencies, context.req.raw));
  app.all("/v2/*", (context) => answer(dependencies, context.req.raw));
  app.notFound((context) => {
    throw refuse("not-found", "registry.path-unknown", `no such path: ${context.req.path.slice(0, 300)}`);
  });
  app.onError((error, context) => failure(error, context, logger));
  return app;
}

async function answer(dependencies: RegistryApiDependencies, request: Request): Promise<Response> {
  const { registry, identify } = dependencies;
  const { method, url } = request;
  const route = parsePath(pathOf(url));
  const caller = identify(request);
  const query = queryOf(url);
  if (route.kind === "base" || route.kind === "catalog") {
    if (method !== "GET" && method !== "HEAD") throw unsupported(method, ["GET", "HEAD"]);
    if (route.kind === "catalog") return listCatalog(registry, caller, query);
    return new Response("{}", { headers: { "Content-Type": "application/json" } });
  }
  const methods = handlers[route.kind];
  const [action, handler] = methods[method] ?? [];
  if (!action || !handler) throw unsupported(method, Object.keys(methods));
  const name = checkName(route.name);
  if (!caller.may(action, name)) throw denied(action, name);
  return await handler({ registry, request, query, caller, name, last: route.last });
}

function failure(error: unknown, context: Context, logger: Logger): Response {
  const { status, body } = encodeError(error);
  const { method, path } = context.req;
  if (isServerFault(error)) logger.error("a registry request failed", { method, path, status, error });
  else logger.debug("a registry request was refused", { method, path, status, errors: body.errors });
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  const size = status === 416 ? detailOf(body)["size"] : undefined;
  if (typeof size === "number") headers["Content-Range"] = `bytes */${size}`;
  const allowed = status === 405 ? detailOf(body)["allowed"] : undefined;
  if (Array.isArray(allowed)) headers["Allow"] = allowed.join(", ");
  return new Response(JSON.stringify(body), { status, headers });
}

function detailOf(body: ReturnType<typeof encodeError>["body"]): Record<string, unknown> {
  const detail = body.errors[0]?.detail;
  return typeof detail === "object" && detail !== null ? (detail as Record<string, unknown>) : {};
}

function unsupported(method: string, allowed: readonly string[]): Error {
  return refuse("unimplemented", "registry.method-unsupported", `${method} is not supported here`, {
    detail: { method, allowed },
  });
}

function denied(action: Action, name: string): Error {
  return refuse("permission", "registry.denied", `you may not ${action} '${name}'`, {
    detail: { action, name },
  });
}
