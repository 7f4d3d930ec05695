import type { EndpointTable } from "../http/endpoint.ts";
import { noEffect, supported, type FieldTable } from "../http/fields.ts";
import { configFields, updateFields } from "./create/fields.ts";
import { listFilters } from "./list.ts";

const attachQuery: FieldTable = {
  detachKeys: supported,
  logs: supported,
  stream: supported,
  stdin: supported,
  stdout: supported,
  stderr: supported,
};

const resizeQuery: FieldTable = { h: supported, w: supported };

/** As `configFields`, of an image that is made from a container: the values that images keep. */
const commitFields: FieldTable = Object.fromEntries(
  Object.entries(configFields).filter(([name]) => name !== "HostConfig" && name !== "NetworkingConfig"),
);

export const containerEndpoints: EndpointTable = {
  "GET /containers/json": {
    query: {
      all: supported,
      limit: supported,
      size: supported,
      filters: supported,
      before: supported,
      since: supported,
    },
    filters: listFilters,
  },
  "POST /containers/create": { query: { name: supported, platform: supported }, body: configFields },
  "GET /containers/{id}/json": { query: { size: supported } },
  "GET /containers/{id}/top": { query: { ps_args: supported } },
  "GET /containers/{id}/logs": {
    query: {
      follow: supported,
      stdout: supported,
      stderr: supported,
      since: supported,
      until: supported,
      timestamps: supported,
      tail: supported,
      details: supported,
    },
  },
  "GET /containers/{id}/changes": {},
  "GET /containers/{id}/export": {},
  "GET /containers/{id}/stats": { query: { stream: supported, "one-shot": supported } },
  "POST /containers/{id}/resize": { query: resizeQuery },
  "POST /containers/{id}/start": {
    query: {
      detachKeys: noEffect("what is attached before has its own"),
      checkpoint: { support: "refused" },
      "checkpoint-dir": { support: "refused" },
    },
  },
  "POST /containers/{id}/stop": { query: { signal: supported, t: supported } },
  "POST /containers/{id}/restart": { query: { signal: supported, t: supported } },
  "POST /containers/{id}/kill": { query: { signal: supported } },
  "POST /containers/{id}/update": { body: updateFields },
  "POST /containers/{id}/rename": { query: { name: supported } },
  "POST /containers/{id}/pause": {},
  "POST /containers/{id}/unpause": {},
  "POST /containers/{id}/attach": { query: attachQuery },
  "GET /containers/{id}/attach/ws": { query: attachQuery },
  "POST /containers/{id}/wait": { query: { condition: supported } },
  "DELETE /containers/{id}": {
    query: { v: supported, force: supported, link: supported },
  },
  "HEAD /containers/{id}/archive": { query: { path: supported } },
  "GET /containers/{id}/archive": { query: { path: supported } },
  "PUT /containers/{id}/archive": {
    query: { path: supported, noOverwriteDirNonDir: supported, copyUIDGID: supported },
  },
  "POST /containers/prune": { query: { filters: supported }, filters: ["until", "label", "label!"] },
  "POST /commit": {
    query: {
      container: supported,
      repo: supported,
      tag: supported,
      comment: supported,
      author: supported,
      pause: supported,
      changes: supported,
    },
    body: commitFields,
  },
};
