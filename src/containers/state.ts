import { fail } from "../base/index.ts";
import type { Container, ContainerState } from "./container.ts";

/** Has a process, or will have one again without anybody's doing. */
export function isActive(state: ContainerState): boolean {
  return state.status === "running" || state.status === "restarting";
}

/** Throws `conflict` / `container.removing`: nothing may be mounted or started any more where all is taken away. */
export function refuseGoing({ status }: ContainerState): void {
  if (status !== "removing" && status !== "dead") return;
  throw fail("conflict", "container.removing", "container is marked for removal and cannot be started");
}

/** What `wait` answers for a container that does not run: 0 for one that never ran. */
export function exitCodeOf(state: ContainerState): number {
  return "exitCode" in state ? (state.exitCode ?? 0) : 0;
}

export function errorOf(state: ContainerState): string | undefined {
  return "error" in state ? state.error : undefined;
}

/** Docker's attributes of a container's events: image, name, the labels, and those of the event. */
export function eventAttributes(
  container: Container,
  extra: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    ...container.process.Labels,
    image: container.spec.image,
    name: container.name,
    ...extra,
  };
}
