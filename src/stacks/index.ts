export type {
  DownOptions,
  ServiceStatus,
  StackLogLine,
  Stacks,
  StackSource,
  StackStatus,
  UpOptions,
} from "./stack.ts";
