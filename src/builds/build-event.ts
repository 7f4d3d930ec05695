import type { Progress } from "../base/index.ts";
import type { LintWarning } from "./lint/warning.ts";

/**
 * One vertex of a build's graph: a FROM, an instruction, or work of the builder's own. Steps of one stage follow each
 * other; stages that don't need each other run side by side, so their events come mixed, each with its step.
 */
export interface BuildStep {
  /** `sha256:…`, made of the step's place and text: unique in a build, the same in the next build of the same file. */
  readonly id: string;
  /**
   * `from`: gets the base of a stage. `instruction`: one line of a stage. `image`: gets an image that is copied from.
   * `context`: takes the client's files in. `export`: stores, writes or sends a result. `cache`: reads or writes a
   * cache that is elsewhere.
   */
  readonly kind: "from" | "instruction" | "image" | "context" | "export" | "cache";
  /** To be shown, as BuildKit names its vertices: `[app 2/5] RUN make`. */
  readonly name: string;
  /** The instruction as it is written: `RUN make`. */
  readonly text: string;
  /** Steps that have to end before this one begins, by id. */
  readonly inputs: readonly string[];
  /**
   * Its place in the order of the file, from 1, among the steps of all needed stages. Triggers of a base (ONBUILD) have
   * the number of their FROM. Without it the step is not part of the file.
   */
  readonly number?: number;
  /** The highest number of this build. */
  readonly total?: number;
  /** The stage's name, `stage-N` for one without; absent when the file has a single stage without a name. */
  readonly stage?: string;
  /** Its place among the steps of its stage that may change files, as `name` has it. */
  readonly place?: { readonly index: number; readonly count: number };
  /** The instruction changes the image's configuration only: ENV, LABEL, CMD, … It takes no time. */
  readonly setting?: boolean;
  /** The step is this one of `count` ONBUILD triggers of its base, from 1. */
  readonly trigger?: { readonly index: number; readonly count: number };
}

/** What a step tells while it runs. */
export type StepNews =
  /** Of a RUN. Whole characters, not whole lines. */
  | { readonly kind: "output"; readonly stream: "stdout" | "stderr"; readonly text: string }
  /** Of pulls, downloads and uploads; one bar for each `progress.task`. */
  | { readonly kind: "progress"; readonly progress: Progress }
  /** The cache has nothing: the work begins. */
  | { readonly kind: "working" }
  /** A RUN's container begins and ends. */
  | { readonly kind: "container"; readonly id: string; readonly removed: boolean }
  /** What the stage has come to, by a short id that Docker's clients show. */
  | { readonly kind: "layer"; readonly id: string; readonly cached: boolean }
  | { readonly kind: "warning"; readonly text: string };

/**
 * What the build does, as it does it. Steps of the file are planned before they start; a planned step may never start
 * (the build failed, or was cancelled, before). Every step that was started is finished, also in a build that fails.
 */
export type BuildEvent =
  /** These steps are to come; more may be planned later (triggers of a base that was not known before). */
  | { readonly kind: "planned"; readonly steps: readonly BuildStep[] }
  | { readonly kind: "started"; readonly step: BuildStep; readonly at: Date }
  | {
      readonly kind: "finished";
      readonly step: BuildStep;
      readonly at: Date;
      /** Nothing had to be done: the result was in the cache. */
      readonly cached: boolean;
      /** Why it failed, or that it was cancelled. */
      readonly error?: string;
    }
  | (Exclude<StepNews, { readonly kind: "warning" }> & { readonly step: BuildStep; readonly at: Date })
  /** Without a step it is about the file or the request. */
  | {
      readonly kind: "warning";
      readonly text: string;
      readonly step?: BuildStep;
      readonly at?: Date;
      /** It comes from a build check. */
      readonly lint?: LintWarning;
    };
