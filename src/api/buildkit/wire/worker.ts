import { bool, integer, many, map, maybe, message, nested, one, text } from "./message.ts";
import { platform } from "./llb.ts";

/** Of BuildKit's api/types/worker.proto. */
export const buildkitVersion = message({
  package: one(1, text),
  version: one(2, text),
  revision: one(3, text),
});

const gcPolicy = message({
  all: one(1, bool),
  keepDuration: one(2, integer),
  reservedSpace: one(3, integer),
  filters: many(4, text),
  maxUsedSpace: one(5, integer),
  minFreeSpace: one(6, integer),
});

export const workerRecord = message({
  id: one(1, text),
  labels: map(2, text),
  platforms: many(3, nested(platform)),
  gcPolicy: many(4, nested(gcPolicy)),
  version: maybe(5, buildkitVersion),
});
