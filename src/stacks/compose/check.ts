import { suggestion } from "../../base/index.ts";
import { nameFindings } from "./check-names.ts";
import { isExternal, replicasOf, type Service, type StackModel } from "./model.ts";
import { hostPortCount } from "./ports.ts";
import type { Problems, ReportAt } from "./problems.ts";
import { parseSubnet } from "./subnet.ts";
import { child, isNull, locate } from "./tree.ts";

/** What no single key shows: references, contradictions and circles. */
export function checkModel(model: StackModel, problems: Problems): void {
  const report = (path: readonly string[], message: string) =>
    problems.invalid(locate(model.tree, path), path.join("."), message);
  for (const [name, service] of Object.entries(model.services)) {
    checkReferences(model, name, service, report);
    checkNetworking(model, name, service, report);
    checkAmounts(name, service, report);
    checkSource(model, name, service, report);
  }
  for (const kind of ["networks", "volumes"] as const) {
    for (const [name, definition] of Object.entries(model[kind])) {
      const others = Object.keys(definition).filter((key) => key !== "external" && key !== "name");
      if (isExternal(definition) && others.length > 0) {
        report([kind, name], `an external one has no other keys than 'name', but has ${others.join(", ")}`);
      }
    }
  }
  nameFindings(model, report);
  const circle = dependencyCircle(model.services);
  if (circle)
    report(
      ["services", circle[0]!, "depends_on", circle[1]!],
      `services depend on each other in a circle: ${circle.join(" → ")}`,
    );
}

function checkReferences(model: StackModel, name: string, service: Service, report: ReportAt): void {
  const at = ["services", name];
  const need = (
    kind: "services" | "networks" | "volumes" | "secrets" | "configs",
    key: string,
    wanted: string,
    extra: readonly string[] = [],
  ) => {
    if (Object.hasOwn(model[kind], wanted) || extra.includes(wanted)) return;
    const known = [...Object.keys(model[kind]), ...extra];
    const what =
      kind === "services"
        ? `no service '${wanted}'`
        : `'${wanted}', which is not declared under the top-level '${kind}'`;
    report(
      [...at, key, wanted],
      `${kind === "services" ? "there is " : "uses "}${what}${suggestion(wanted, known)}`,
    );
  };
  for (const wanted of Object.keys(service.depends_on ?? {})) need("services", "depends_on", wanted);
  for (const wanted of Object.keys(service.networks ?? {})) need("networks", "networks", wanted, ["default"]);
  for (const grant of service.secrets ?? []) need("secrets", "secrets", grant.source);
  for (const grant of service.build?.secrets ?? []) need("secrets", "build", grant.source);
  for (const grant of service.configs ?? []) need("configs", "configs", grant.source);
  for (const mount of service.volumes ?? []) {
    if (mount.type === "volume" && mount.source !== undefined) need("volumes", "volumes", mount.source);
  }
  for (const wanted of sharedServices(service)) {
    const key = (["network_mode", "ipc", "pid"] as const).find((one) => service[one] === `service:${wanted}`);
    need("services", key ?? "volumes_from", wanted);
  }
  for (const [wanted, { condition }] of Object.entries(service.depends_on ?? {})) {
    const check = model.services[wanted]?.healthcheck;
    if (condition === "service_healthy" && (check?.disable || check?.test?.[0] === "NONE")) {
      report(
        [...at, "depends_on", wanted],
        `waits for '${wanted}' to be healthy, but its health check is disabled`,
      );
    }
  }
}

/** Services whose containers this one needs to be made: namespaces and volumes that it shares. */
export function sharedServices(service: Service): string[] {
  const modes = [service.network_mode, service.ipc, service.pid]
    .filter((mode) => mode?.startsWith("service:"))
    .map((mode) => mode!.slice("service:".length));
  const volumes = (service.volumes_from ?? [])
    .filter((from) => !from.startsWith("container:"))
    .map((from) => from.split(":")[0]!);
  return [...new Set([...modes, ...volumes])];
}

function checkNetworking(model: StackModel, name: string, service: Service, report: ReportAt): void {
  const at = ["services", name];
  const networks = Object.entries(service.networks ?? {});
  if (service.network_mode !== undefined && networks.length > 0) {
    report([...at, "network_mode"], "'network_mode' and 'networks' exclude each other");
  }
  if (
    service.network_mode !== undefined &&
    service.network_mode !== "bridge" &&
    (service.ports ?? []).length > 0
  ) {
    report([...at, "ports"], `ports cannot be published with network_mode '${service.network_mode}'`);
  }
  for (const [network, { ipv4_address: ipv4, ipv6_address: ipv6 }] of networks) {
    const definition = model.networks[network] ?? {};
    const subnets = (definition.ipam?.config ?? []).flatMap((one) => one.subnet ?? []);
    for (const [key, address] of Object.entries({ ipv4_address: ipv4, ipv6_address: ipv6 })) {
      if (address === undefined) continue;
      const path = [...at, "networks", network, key];
      const isInside = subnets.some((subnet) => parseSubnet(subnet)?.contains(address));
      if (!isExternal(definition) && !isInside) {
        report(path, `'${address}' needs a subnet that it lies in: networks.${network}.ipam.config`);
      }
      if (replicasOf(service) > 1)
        report(path, `${replicasOf(service)} replicas cannot all have one address`);
    }
  }
}

function checkAmounts(name: string, service: Service, report: ReportAt): void {
  const at = ["services", name];
  const { limits, reservations } = service.deploy?.resources ?? {};
  const same = (key: string, value: unknown, other: string, otherValue: unknown) => {
    if (value === undefined || otherValue === undefined || value === otherValue) return;
    report([...at, key], `'${key}' and '${other}' differ; give one of them`);
  };
  same("scale", service.scale, "deploy.replicas", service.deploy?.replicas);
  same("mem_limit", service.mem_limit, "deploy.resources.limits.memory", limits?.memory);
  same("cpus", service.cpus, "deploy.resources.limits.cpus", limits?.cpus);
  same("pids_limit", service.pids_limit, "deploy.resources.limits.pids", limits?.pids);
  same(
    "mem_reservation",
    service.mem_reservation,
    "deploy.resources.reservations.memory",
    reservations?.memory,
  );
  const memory = service.mem_limit ?? limits?.memory;
  const swap = service.memswap_limit;
  if (swap !== undefined && swap > 0 && (memory === undefined || swap < memory)) {
    report(
      [...at, "memswap_limit"],
      "needs a 'mem_limit' that is not larger: it counts memory and swap together",
    );
  }
  if (service.container_name !== undefined && replicasOf(service) > 1) {
    report([...at, "container_name"], `${replicasOf(service)} replicas cannot all have one name`);
  }
  const published = (service.ports ?? []).find((port) => hostPortCount(port) < replicasOf(service));
  if (published) {
    report(
      [...at, "ports"],
      `${replicasOf(service)} replicas cannot all publish host port ${published.published}; leave the host port out, or put one proxy before them`,
    );
  }
}

function checkSource(model: StackModel, name: string, service: Service, report: ReportAt): void {
  const node = child(child(model.tree, "services"), name);
  const written = (key: string) => {
    const value = child(node, key);
    return value !== undefined && !isNull(value);
  };
  if (node?.kind === "map" && !written("image") && !written("build")) {
    report(["services", name], "neither 'image' nor 'build' says what to run");
  }
  const [platform] = service.build?.platforms ?? [];
  if (platform !== undefined && service.platform !== undefined && platform !== service.platform) {
    report(
      ["services", name, "build", "platforms"],
      `does not contain the service's platform, ${service.platform}`,
    );
  }
}

/** The names along a circle of `depends_on` and shared services, first one again at the end; undefined without one. */
export function dependencyCircle(services: Readonly<Record<string, Service>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
    const service = services[name];
    if (done.has(name) || !service) return undefined;
    for (const next of [...Object.keys(service.depends_on ?? {}), ...sharedServices(service)]) {
      const circle = visit(next, [...trail, name]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of Object.keys(services)) {
    const circle = visit(name, []);
    if (circle) return circle;
  }
  return undefined;
}
