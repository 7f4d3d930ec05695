export type { BuildContext, BuildEvent, BuildRequest, BuildResult, Builds } from "./build.ts";
