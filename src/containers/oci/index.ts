export { buildOciConfig } from "./build.ts";
export { resolveCapabilities } from "./capabilities.ts";
export { buildExecProcess, type ExecProcessInput } from "./exec.ts";
export { readHostFacts } from "./host-facts.ts";
export type { HostFacts, NetworkNamespace, OciConfigInput, OciConfigResult, ResolvedUser } from "./input.ts";
export { mergeProcess } from "./process.ts";
export { buildResources, type ResourcesResult } from "./resources.ts";
export { parseProfile } from "./seccomp/index.ts";
export { resolveUser } from "./user.ts";
