import type { WholeRun } from "./build-run.ts";
import type { StepCache } from "./cache/step-cache.ts";

/** What all builds of a daemon share. */
export type BuildShared = Pick<
  WholeRun,
  "services" | "inUse" | "cacheMounts" | "hostProxy" | "environment" | "stepLocks" | "slots" | "exported"
> & { readonly cache: StepCache };
/** One build, before its Dockerfile was read. */
export type BuildStart = BuildShared &
  Pick<
    WholeRun,
    "request" | "folder" | "signal" | "credentials" | "emit" | "undo" | "next" | "materials" | "installs"
  >;
