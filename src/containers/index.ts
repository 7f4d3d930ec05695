export { writableLimit } from "./checks/storage.ts";
export type {
  AttachOptions,
  Attachment,
  Container,
  Containers,
  ContainerState,
  ContainerUpdate,
  Exec,
  ExecRequest,
  Health,
  HostMount,
  LogLine,
  LogOptions,
  PathStat,
  ResolvedMount,
  StopExplanation,
  Stopped,
  StopReason,
  WaitCondition,
} from "./container.ts";
export type {
  ContainerSpec,
  DeviceRequest,
  EndpointSettings,
  LogSpec,
  MountSpec,
  NamespaceSpec,
  NetworkingSpec,
  ResourceSpec,
  RestartPolicy,
  SecuritySpec,
} from "./spec.ts";
export { logAttributes } from "./logs/attributes.ts";
export { logDrivers, parseLogOptions } from "./logs/options.ts";
export { createStepRunner, type Step, type StepRunner, type StepRunnerDependencies } from "./step-runner.ts";
export { createContainers, type ContainersService } from "./containers.ts";
export type { ContainersDependencies } from "./engine.ts";
export {
  maskedPaths,
  overlayProcess,
  processOfSpec,
  readHostFacts,
  readonlyPaths,
  type HostFacts,
} from "./oci/index.ts";
export { restartUnhealthyLabel } from "./health/unhealthy.ts";
export type { Changed, ChangeOptions, ChangePlan, ContainerChange, Difference } from "./recreate/index.ts";
export { containerMigrations } from "./store.ts";
