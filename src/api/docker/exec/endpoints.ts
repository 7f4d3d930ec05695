import type { EndpointTable } from "../http/endpoint.ts";
import { supported } from "../http/fields.ts";
import { execCreateFields, execStartFields } from "./wire.ts";

export const execEndpoints: EndpointTable = {
  "POST /containers/{id}/exec": { body: execCreateFields },
  "POST /exec/{id}/start": { body: execStartFields },
  "POST /exec/{id}/resize": { query: { h: supported, w: supported } },
  "GET /exec/{id}/json": {},
};
