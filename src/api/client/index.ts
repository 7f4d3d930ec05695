export { createClient, errorFromWire, type Client, type Send } from "./client.ts";
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
  WireStopExplanation,
  WireStopOptions,
  WireStopResult,
  WireSystem,
  WireUpOptions,
} from "./wire.ts";
