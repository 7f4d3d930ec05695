export type {
  ExecProcess,
  ExecSpec,
  NetworkCounters,
  OciConfig,
  OciResources,
  ProcessStreams,
  Runtime,
  RuntimeAbilities,
  TaskExit,
  TaskLog,
  TaskSpec,
  TaskState,
  TaskStats,
} from "./runtime.ts";
export { type RuntimeProgram } from "./programs.ts";
export { createRuntime, type RuntimeDependencies } from "./runtimes.ts";
