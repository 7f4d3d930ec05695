import type { Container, Containers } from "../containers/index.ts";
import { containersOf } from "./current.ts";
import { defined } from "./defined.ts";
import { isOneOff, stackLabels } from "./labels.ts";
import type { ServiceStatus, StackStatus } from "./stack.ts";
import { urlsOf } from "./urls.ts";

/** The containers of a stack as they are now, by service and number. */
export function stackStatus(
  containers: Pick<Containers, "list">,
  name: string,
  hostAddresses: readonly string[],
  warnings: readonly string[] = [],
): StackStatus {
  const services = containersOf(containers, name)
    .toSorted(
      (a, b) =>
        labelOf(a, "service").localeCompare(labelOf(b, "service"), "en", { numeric: true }) ||
        Number(labelOf(a, "number")) - Number(labelOf(b, "number")),
    )
    .map((container) => serviceStatus(container, hostAddresses));
  return { name, services, warnings };
}

function serviceStatus(container: Container, hostAddresses: readonly string[]): ServiceStatus {
  const ports = container.publishedPorts;
  return defined({
    service: labelOf(container, "service"),
    container: container.name,
    containerId: container.id,
    image: container.spec.image,
    state: stateText(container),
    health: container.state.status === "running" ? container.health?.status : undefined,
    createdAt: container.createdAt,
    ports: ports.map(({ hostIp, hostPort, containerPort, protocol }) => {
      const address = hostIp === "" ? "0.0.0.0" : hostIp;
      return `${address.includes(":") ? `[${address}]` : address}:${hostPort}->${containerPort}/${protocol}`;
    }),
    urls: urlsOf(ports, container.spec.labels ?? {}, hostAddresses),
  });
}

function stateText({ state }: Container): string {
  if (state.status === "exited") return `exited (${state.exitCode})`;
  if (state.status === "restarting") return `restarting (${state.exitCode})`;
  if (state.status === "created" && state.error !== undefined) return "created (could not start)";
  return state.status === "running" && state.paused ? "paused" : state.status;
}

function labelOf(container: Container, label: keyof typeof stackLabels): string {
  return container.spec.labels?.[stackLabels[label]] ?? "";
}

/** Every stack that has a container, with how many services it has and how many of them run. */
export function listStacks(
  containers: Pick<Containers, "list">,
): { readonly name: string; readonly services: number; readonly running: number }[] {
  const stacks = new Map<string, Map<string, boolean>>();
  for (const container of containers.list()) {
    const labels = container.spec.labels ?? {};
    const project = labels[stackLabels.project];
    const service = labels[stackLabels.service];
    if (project === undefined || service === undefined || isOneOff(labels)) continue;
    const services = stacks.get(project) ?? new Map<string, boolean>();
    services.set(service, services.get(service) === true || container.state.status === "running");
    stacks.set(project, services);
  }
  return [...stacks]
    .map(([name, services]) => ({
      name,
      services: services.size,
      running: [...services.values()].filter(Boolean).length,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name));
}
