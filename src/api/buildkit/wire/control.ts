import { bool, bytes, integer, many, map, maybe, message, nested, one, text, type Of } from "./message.ts";
import { statusMessage } from "../rpc/status.ts";
import { definition, range, sourceInfo } from "./llb.ts";
import { timestamp } from "./well-known.ts";
import { buildkitVersion, workerRecord } from "./worker.ts";

/** Of BuildKit's api/services/control/control.proto, package moby.buildkit.v1. */
export const typedAttributes = message({ type: one(1, text), attrs: map(2, text) });
export type TypedAttributes = Of<typeof typedAttributes>;

const cacheOptions = message({
  exports: many(4, nested(typedAttributes)),
  imports: many(5, nested(typedAttributes)),
});

export const solveRequest = message({
  ref: one(1, text),
  definition: maybe(2, definition),
  exporterDeprecated: one(3, text),
  exporterAttrsDeprecated: map(4, text),
  session: one(5, text),
  frontend: one(6, text),
  frontendAttrs: map(7, text),
  cache: maybe(8, cacheOptions),
  entitlements: many(9, text),
  frontendInputs: map(10, nested(definition)),
  internal: one(11, bool),
  sourcePolicy: maybe(12, message({ version: one(1, integer), rules: many(2, bytes) })),
  exporters: many(13, nested(typedAttributes)),
});
export type SolveRequest = Of<typeof solveRequest>;
export const solveResponse = message({ exporterResponse: map(1, text) });

export const statusRequest = message({ ref: one(1, text) });

const vertex = message({
  digest: one(1, text),
  inputs: many(2, text),
  name: one(3, text),
  cached: one(4, bool),
  started: maybe(5, timestamp),
  completed: maybe(6, timestamp),
  error: one(7, text),
});
export type Vertex = Of<typeof vertex>;

const vertexStatus = message({
  id: one(1, text),
  vertex: one(2, text),
  name: one(3, text),
  current: one(4, integer),
  total: one(5, integer),
  timestamp: maybe(6, timestamp),
  started: maybe(7, timestamp),
  completed: maybe(8, timestamp),
});

const vertexLog = message({
  vertex: one(1, text),
  timestamp: maybe(2, timestamp),
  stream: one(3, integer),
  msg: one(4, bytes),
});

const vertexWarning = message({
  vertex: one(1, text),
  level: one(2, integer),
  short: one(3, bytes),
  detail: many(4, bytes),
  url: one(5, text),
  info: maybe(6, sourceInfo),
  ranges: many(7, nested(range)),
});

export const statusResponse = message({
  vertexes: many(1, nested(vertex)),
  statuses: many(2, nested(vertexStatus)),
  logs: many(3, nested(vertexLog)),
  warnings: many(4, nested(vertexWarning)),
});
export type StatusResponse = Of<typeof statusResponse>;

export const listWorkersRequest = message({ filter: many(1, text) });
export const listWorkersResponse = message({ record: many(1, nested(workerRecord)) });
export const infoResponse = message({ buildkitVersion: maybe(1, buildkitVersion) });
export const empty = message({});

export const diskUsageRequest = message({ filter: many(1, text), ageLimit: one(2, integer) });
export const usageRecord = message({
  id: one(1, text),
  mutable: one(2, bool),
  inUse: one(3, bool),
  size: one(4, integer),
  parent: one(5, text),
  createdAt: maybe(6, timestamp),
  lastUsedAt: maybe(7, timestamp),
  usageCount: one(8, integer),
  description: one(9, text),
  recordType: one(10, text),
  shared: one(11, bool),
  parents: many(12, text),
});
export const diskUsageResponse = message({ record: many(1, nested(usageRecord)) });

export const pruneRequest = message({
  filter: many(1, text),
  all: one(2, bool),
  keepDuration: one(3, integer),
  reservedSpace: one(4, integer),
  maxUsedSpace: one(5, integer),
  minFreeSpace: one(6, integer),
});

export const buildHistoryRequest = message({
  activeOnly: one(1, bool),
  ref: one(2, text),
  earlyExit: one(3, bool),
  filter: many(4, text),
  limit: one(5, integer),
});
const historyRecord = message({
  ref: one(1, text),
  frontend: one(2, text),
  frontendAttrs: map(3, text),
  exporters: many(4, nested(typedAttributes)),
  error: maybe(5, statusMessage),
  createdAt: maybe(6, timestamp),
  completedAt: maybe(7, timestamp),
  exporterResponse: map(9, text),
  generation: one(12, integer),
  pinned: one(14, bool),
  cachedSteps: one(15, integer),
  totalSteps: one(16, integer),
  completedSteps: one(17, integer),
  warnings: one(19, integer),
});
export type HistoryRecord = Of<typeof historyRecord>;
export const historyEventTypes = { started: 0, complete: 1, deleted: 2 } as const;
export const buildHistoryEvent = message({ type: one(1, integer), record: maybe(2, historyRecord) });
export const updateHistoryRequest = message({
  ref: one(1, text),
  pinned: one(2, bool),
  delete: one(3, bool),
  finalize: one(4, bool),
});
