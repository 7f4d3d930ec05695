export { ManualClock, systemClock, type Clock } from "./clock.ts";
export { DetachWatcher, parseDetachKeys } from "./detach-keys.ts";
export {
  VirgaError,
  errnoOf,
  errorKinds,
  fail,
  isVirgaError,
  messageOf,
  toVirgaError,
  type ErrorDetail,
  type ErrorKind,
} from "./errors.ts";
export { newId, shortId } from "./ids.ts";
export { checkJson } from "./json.ts";
export { KeyedLock } from "./keyed-lock.ts";
export {
  createLogger,
  logLevels,
  silentLogger,
  type LogFields,
  type Logger,
  type LogLevel,
} from "./logger.ts";
export { printable } from "./printable.ts";
export { noReport, type Progress, type Report } from "./progress.ts";
export { Slots } from "./slots.ts";
export { nearest, suggestion } from "./suggestion.ts";
export { formatBytes, parseBytes, parseDuration } from "./units.ts";
export { version } from "./version.ts";
