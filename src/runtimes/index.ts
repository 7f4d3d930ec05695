export type {
  ExecProcess,
  ExecSpec,
  NetworkCounters,
  OciConfig,
  OciResources,
  ProcessStreams,
  Runtime,
  TaskExit,
  TaskLog,
  TaskSpec,
  TaskState,
  TaskStats,
} from "./runtime.ts";
