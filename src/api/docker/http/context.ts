import { Hono, type Context } from "hono";
import type { ApiVersion } from "../versions.ts";

export interface ApiEnv {
  readonly Variables: { readonly version: ApiVersion };
}

export type ApiContext = Context<ApiEnv>;
export type ApiRouter = Hono<ApiEnv>;

export function createRouter(): ApiRouter {
  return new Hono<ApiEnv>();
}

/** A path parameter that the route's pattern guarantees. */
export function pathParameter(c: ApiContext, name: string): string {
  return c.req.param(name) ?? "";
}
