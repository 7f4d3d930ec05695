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
export { supportedKeys, supportedKeysMarkdown, type SupportedKey } from "./supported.ts";
