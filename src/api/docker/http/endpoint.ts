import { fail } from "../../../base/index.ts";
import type { ApiContext } from "./context.ts";
import type { FieldTable } from "./fields.ts";

/** What becomes of an endpoint and of each of its parameters. Requests are held to it; docs are made of it. */
export interface Endpoint {
  /** Set when it is answered with an error alone: what the client is told, in short. */
  readonly refused?: string;
  /** What of it is not supported, in words. */
  readonly except?: string;
  readonly query?: FieldTable;
  /** Names in the `filters` parameter; others are refused. */
  readonly filters?: readonly string[];
  readonly body?: FieldTable;
}

/** By method and path as Docker's description writes them: `GET /containers/{id}/json`. */
export type EndpointTable = Readonly<Record<string, Endpoint>>;

/** The key of a route in the tables: its pattern `/images/:name{.+}/json` becomes `/images/{name}/json`. */
export function endpointKey(method: string, pattern: string): string {
  return `${method} ${pattern.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`;
}

/** What Docker takes for "not set"; docker-py always sends `False`. */
const off = /^(|0|no|false|none)$/i;

/**
 * Throws `unimplemented` for a parameter that is known, not supported and set to more than its default. Parameters
 * that nobody knows are ignored, as Docker does.
 */
export function checkQuery(c: ApiContext, endpoint: Endpoint): void {
  for (const [name, rule] of Object.entries(endpoint.query ?? {})) {
    if (rule.support !== "refused") continue;
    const values = (c.req.queries(name) ?? []).filter((value) => !off.test(value));
    if (values.every((value) => rule.defaults?.includes(value) === true)) continue;
    const instead = rule.instead === undefined ? {} : { hint: rule.instead };
    throw fail("unimplemented", "api.unsupported-parameter", `parameter '${name}' is not supported`, instead);
  }
}
