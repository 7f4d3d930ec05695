export { defaultProfile } from "./default-profile.ts";
export { parseProfile } from "./parse.ts";
export { resolveSeccomp, type SeccompContext } from "./resolve.ts";
