export { createBuildkitApi, type BuildkitApi, type BuildkitDependencies } from "./buildkit.ts";
