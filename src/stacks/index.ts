export type {
  DownOptions,
  ServiceStatus,
  StackLogLine,
  Stacks,
  StackSource,
  StackStatus,
  UpOptions,
} from "./stack.ts";
export { createStacks, type StacksDependencies } from "./stacks.ts";
export { supportedKeys, withSupportedKeys, type SupportedKey } from "./supported.ts";
