import { bytes, integer, many, map, maybe, message, nested, one, text, type Of } from "./message.ts";

/** Of BuildKit's solver/pb/ops.proto: what is needed of a graph that is only passed on, and of places in a file. */
export const platform = message({ architecture: one(1, text), os: one(2, text), variant: one(3, text) });

/** Clients take a graph without metadata for none at all. */
export const definition = message({ def: many(1, bytes), metadata: map(2, nested(message({}))) });
export type Definition = Of<typeof definition>;

export const sourceOp = message({ identifier: one(1, text), attrs: map(2, text) });
/** An operation; what is no source is not read. */
export const op = message({ source: maybe(3, sourceOp) });
const input = message({ digest: one(1, text) });
/** An operation to write. */
export const graphOp = message({ inputs: many(1, nested(input)), source: maybe(3, sourceOp) });

export const sourceInfo = message({ filename: one(1, text), data: one(2, bytes), language: one(4, text) });
const position = message({ line: one(1, integer), character: one(2, integer) });
export const range = message({ start: maybe(1, position), end: maybe(2, position) });
/** errdefs.Source of solver/errdefs/errdefs.proto: where in a file an error came from. */
export const errorSource = message({ info: maybe(1, sourceInfo), ranges: many(2, nested(range)) });
