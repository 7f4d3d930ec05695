import type { EndpointTable } from "../http/endpoint.ts";
import { supported } from "../http/fields.ts";
import { eventFilters } from "./events.ts";

export const systemEndpoints: EndpointTable = {
  "GET /_ping": {},
  "HEAD /_ping": {},
  "GET /version": {},
  "GET /info": {},
  "POST /auth": {
    body: {
      username: supported,
      password: supported,
      identitytoken: supported,
      auth: supported,
      serveraddress: supported,
    },
  },
  "GET /system/df": { query: { type: supported, verbose: supported } },
  "GET /events": {
    query: { since: supported, until: supported, filters: supported },
    filters: eventFilters,
  },
};
