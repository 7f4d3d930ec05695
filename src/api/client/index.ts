export { createClient, errorFromWire, type Client } from "./client.ts";
export type {
  WireDownOptions,
  WireError,
  WireLogLine,
  WireOperation,
  WireServiceStatus,
  WireStackSource,
  WireStackStatus,
  WireStackSummary,
  WireStackTarget,
  WireSystem,
  WireUpOptions,
} from "./wire.ts";
