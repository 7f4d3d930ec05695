import { statusMessage } from "../rpc/status.ts";
import { bool, bytes, integer, many, map, maybe, message, nested, one, text, type Of } from "./message.ts";
import { definition, platform, sourceOp } from "./llb.ts";
import { stat } from "./files.ts";
import { typedAttributes } from "./control.ts";
import { workerRecord } from "./worker.ts";

/** Of BuildKit's frontend/gateway/pb/gateway.proto and util/apicaps/pb/caps.proto, package moby.buildkit.v1.frontend. */
const capability = message({
  id: one(1, text),
  enabled: one(2, bool),
  deprecated: one(3, bool),
});

export const pongResponse = message({
  frontendCapabilities: many(1, nested(capability)),
  llbCapabilities: many(2, nested(capability)),
  workers: many(3, nested(workerRecord)),
});

const ref = message({ id: one(1, text), def: maybe(2, definition) });
const refMap = message({ refs: map(1, nested(ref)) });

/** Of its four ways to name what was built, those that today's clients use. */
export const result = message({
  refDeprecated: one(1, text),
  ref: maybe(3, ref),
  refs: maybe(4, refMap),
  metadata: map(10, bytes),
});
export type Result = Of<typeof result>;

export const gatewaySolveRequest = message({
  definition: maybe(1, definition),
  frontend: one(2, text),
  frontendOpt: map(3, text),
  allowResultReturn: one(5, bool),
  allowResultArrayRef: one(6, bool),
  final: one(10, bool),
  cacheImports: many(12, nested(typedAttributes)),
  frontendInputs: map(13, nested(definition)),
  evaluate: one(14, bool),
});
export type GatewaySolveRequest = Of<typeof gatewaySolveRequest>;
export const gatewaySolveResponse = message({ ref: one(1, text), result: maybe(3, result) });

export const returnRequest = message({ result: maybe(1, result), error: maybe(2, statusMessage) });
export const inputsResponse = message({ definitions: map(1, nested(definition)) });
export const evaluateRequest = message({ ref: one(1, text) });

const fileRange = message({ offset: one(1, integer), length: one(2, integer) });
export const readFileRequest = message({ ref: one(1, text), path: one(2, text), range: maybe(3, fileRange) });
export const readFileResponse = message({ data: one(1, bytes) });
export const readDirRequest = message({ ref: one(1, text), path: one(2, text), include: one(3, text) });
export const readDirResponse = message({ entries: many(1, nested(stat)) });
export const statFileRequest = message({ ref: one(1, text), path: one(2, text) });
export const statFileResponse = message({ stat: maybe(1, stat) });

export const resolveImageRequest = message({
  ref: one(1, text),
  platform: maybe(2, platform),
  resolveMode: one(3, text),
});
export const resolveImageResponse = message({
  digest: one(1, text),
  config: one(2, bytes),
  ref: one(3, text),
});
export const resolveSourceRequest = message({ source: maybe(1, sourceOp), platform: maybe(2, platform) });
const resolvedImage = message({ digest: one(1, text), config: one(2, bytes) });
export const resolveSourceResponse = message({ source: maybe(1, sourceOp), image: maybe(2, resolvedImage) });
