import type { Containers } from "../../../containers/index.ts";
import type { Events } from "../../../events/index.ts";

/** What the exec endpoints need. */
export interface ExecBackend {
  readonly containers: Pick<
    Containers,
    "get" | "createExec" | "getExec" | "checkExec" | "startExec" | "resizeExec" | "waitExec"
  >;
  readonly events: Pick<Events, "emit">;
}
