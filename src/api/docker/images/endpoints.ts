import type { EndpointTable } from "../http/endpoint.ts";
import { noEffect, refused, supported } from "../http/fields.ts";
import { imageFilters } from "./list.ts";

export const imageEndpoints: EndpointTable = {
  "GET /images/json": {
    query: {
      all: noEffect("no image is hidden: intermediate ones are not made"),
      digests: noEffect("digests are always told"),
      filters: supported,
      filter: supported,
      "shared-size": supported,
      manifests: supported,
      identity: noEffect("no image here has an identity that somebody has vouched for"),
    },
    filters: imageFilters,
  },
  "POST /images/create": {
    query: {
      fromImage: supported,
      fromSrc: supported,
      repo: supported,
      tag: supported,
      message: supported,
      changes: supported,
      platform: supported,
    },
  },
  "GET /images/{name}/json": { query: { platform: supported, manifests: supported } },
  "GET /images/{name}/attestations": {
    query: { platform: supported, type: supported, statement: supported },
  },
  "GET /images/{name}/history": { query: { platform: supported } },
  "GET /images/{name}/get": { query: { platform: supported } },
  "GET /images/get": { query: { names: supported, platform: supported } },
  "POST /images/load": { query: { quiet: supported, platform: supported } },
  "POST /images/{name}/tag": { query: { repo: supported, tag: supported } },
  "POST /images/{name}/push": { query: { tag: supported, platform: supported } },
  "DELETE /images/{name}": { query: { force: supported, noprune: supported, platforms: supported } },
  "GET /images/search": {
    refused: "the registry of Docker Hub alone can be searched",
    query: { term: refused, limit: refused, filters: refused },
  },
  "POST /images/prune": {
    query: { filters: supported },
    filters: ["dangling", "until", "label", "label!"],
  },
  "GET /distribution/{name}/json": {},
};
