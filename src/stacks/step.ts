import type { CurrentContainer } from "./current.ts";
import type { TargetNetwork, TargetService, TargetVolume } from "./target.ts";

/** Something that `up` or `down` does. It may begin when every step in `after` has ended well. */
export type Step = { readonly id: string; readonly after: readonly string[] } & Action;

export type Action =
  | { readonly kind: "build-image"; readonly service: TargetService; readonly reason: string }
  | { readonly kind: "pull-image"; readonly service: TargetService }
  | { readonly kind: "create-network"; readonly network: TargetNetwork }
  | { readonly kind: "remove-network"; readonly name: string; readonly reason: string }
  | { readonly kind: "create-volume"; readonly volume: TargetVolume }
  | {
      readonly kind: "create-container";
      readonly service: TargetService;
      readonly number: number;
      readonly name: string;
      /** Anonymous volumes of a container that was here before. */
      readonly inherit: CurrentContainer["anonymous"];
    }
  | {
      readonly kind: "recreate-container";
      readonly service: TargetService;
      readonly number: number;
      readonly name: string;
      readonly old: CurrentContainer;
      readonly reason: string;
    }
  /** Ends an update that was interrupted after the old container had gone. */
  | { readonly kind: "rename-container"; readonly old: CurrentContainer; readonly name: string }
  | { readonly kind: "start-container"; readonly service: string; readonly name: string }
  | { readonly kind: "stop-container"; readonly old: CurrentContainer; readonly reason: string }
  | { readonly kind: "remove-container"; readonly old: CurrentContainer; readonly reason: string }
  | {
      readonly kind: "wait";
      readonly service: string;
      readonly containers: readonly string[];
      readonly condition: WaitFor;
      /** False: a failure is a warning. */
      readonly required: boolean;
    };

export type WaitFor = "service_healthy" | "service_completed_successfully" | "running_or_healthy";

/** The service whose progress a step is part of. */
export function serviceOf(step: Action): string | undefined {
  switch (step.kind) {
    case "create-container":
    case "recreate-container":
      return step.service.name;
    case "rename-container":
    case "stop-container":
    case "remove-container":
      return step.old.service;
    case "start-container":
    case "wait":
      return step.service;
    default:
      return undefined;
  }
}

/** A step as a plan shows it; undefined for those that change nothing. */
export function describeStep(step: Action): string | undefined {
  switch (step.kind) {
    case "build-image":
      return `build image ${step.service.image} (${step.reason})`;
    case "pull-image":
      return `get image ${step.service.image}`;
    case "create-network":
      return `create network ${step.network.name}`;
    case "remove-network":
      return `remove network ${step.name} (${step.reason})`;
    case "create-volume":
      return `create volume ${step.volume.name}`;
    case "create-container":
      return `create container ${step.name}`;
    case "recreate-container":
      return `replace container ${step.name}, which stops for a moment (${step.reason})`;
    case "rename-container":
      return `rename container ${step.old.name} to ${step.name} (an update was interrupted)`;
    case "start-container":
      return `start container ${step.name}`;
    case "stop-container":
      return `stop container ${step.old.name} (${step.reason})`;
    case "remove-container":
      return `remove container ${step.old.name} (${step.reason})`;
    default:
      return step.condition === "running_or_healthy"
        ? undefined
        : `wait until ${step.service} ${conditionText[step.condition]}`;
  }
}

export const conditionText: Readonly<Record<WaitFor, string>> = {
  service_healthy: "is healthy",
  service_completed_successfully: "has ended successfully",
  running_or_healthy: "runs",
};
