import type { Containers } from "../../../containers/index.ts";

/** What the exec endpoints need. */
export interface ExecBackend {
  readonly containers: Pick<
    Containers,
    "get" | "createExec" | "getExec" | "checkExec" | "startExec" | "resizeExec" | "waitExec"
  >;
}
