import type { EndpointTable } from "../http/endpoint.ts";
import { refused, supported } from "../http/fields.ts";
import { volumeFields } from "./wire.ts";

export const volumeEndpoints: EndpointTable = {
  "GET /volumes": {
    query: { filters: supported },
    filters: ["dangling", "driver", "label", "label!", "name"],
  },
  "POST /volumes/create": { body: volumeFields },
  "GET /volumes/{name}": {},
  "PUT /volumes/{name}": {
    refused: "only a swarm manager has cluster volumes",
    query: { version: refused },
    body: { Spec: refused },
  },
  "DELETE /volumes/{name}": { query: { force: supported } },
  "POST /volumes/prune": { query: { filters: supported }, filters: ["all", "label", "label!"] },
};
