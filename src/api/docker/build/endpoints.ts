import type { EndpointTable } from "../http/endpoint.ts";
import { cacheFilters } from "./cache.ts";
import { noEffect, refused, supported } from "../http/fields.ts";

const empty = ["null", "[]"];

export const buildEndpoints: EndpointTable = {
  "POST /build": {
    query: {
      dockerfile: supported,
      t: supported,
      extrahosts: supported,
      remote: supported,
      q: supported,
      nocache: supported,
      cachefrom: supported,
      pull: supported,
      rm: noEffect("no container outlives its step"),
      forcerm: noEffect("no container outlives its step"),
      memory: supported,
      memswap: { support: "refused", defaults: ["0"] },
      cpushares: { support: "refused", defaults: ["0"] },
      cpusetcpus: refused,
      cpusetmems: refused,
      cpuperiod: { support: "refused", defaults: ["0"] },
      cpuquota: { support: "refused", defaults: ["0"] },
      cgroupparent: supported,
      buildargs: supported,
      shmsize: supported,
      squash: { support: "refused", defaults: ["0", "false"] },
      labels: supported,
      networkmode: supported,
      platform: supported,
      target: supported,
      outputs: { support: "refused", defaults: empty },
      securityopt: { support: "refused", defaults: empty },
      ulimits: supported,
      isolation: { support: "refused", defaults: ["default"] },
      version: { support: "refused", defaults: ["1"], instead: "set DOCKER_BUILDKIT=0" },
      session: refused,
      buildid: noEffect("a build ends with its connection"),
    },
  },
  "POST /build/prune": {
    query: {
      all: supported,
      filters: supported,
      "keep-storage": supported,
      "reserved-space": supported,
      "max-used-space": supported,
      "min-free-space": { support: "refused", defaults: ["0"] },
    },
    filters: cacheFilters,
  },
  "POST /build/cancel": { refused: "a build ends with its connection", query: { id: refused } },
  "POST /session": {},
  "POST /grpc": {},
};
