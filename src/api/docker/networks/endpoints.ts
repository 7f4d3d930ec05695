import { endpointFields } from "../containers/create/fields.ts";
import type { EndpointTable } from "../http/endpoint.ts";
import { noEffect, supported, within } from "../http/fields.ts";
import { networkFields } from "./wire.ts";

export const listFilters = ["dangling", "driver", "id", "label", "label!", "name", "scope", "type"];

export const networkEndpoints: EndpointTable = {
  "GET /networks": { query: { filters: supported }, filters: listFilters },
  "POST /networks/create": { body: networkFields },
  "GET /networks/{id}": {
    query: { verbose: noEffect("the services that it would add are those of a swarm"), scope: supported },
  },
  "DELETE /networks/{id}": {},
  "POST /networks/{id}/connect": {
    body: { Container: supported, EndpointConfig: within(() => endpointFields) },
  },
  "POST /networks/{id}/disconnect": {
    body: { Container: supported, Force: noEffect("disconnecting works whatever the container's state") },
  },
  "POST /networks/prune": { query: { filters: supported }, filters: ["until", "label", "label!"] },
};
