import { sharedServices } from "./compose/check.ts";
import type { Service, StackModel } from "./compose/model.ts";
import { Problems } from "./compose/problems.ts";
import { locate } from "./compose/tree.ts";
import { fail, suggestion, type VirgaError } from "../base/index.ts";

/**
 * The services that a command is about: those named with all they depend on, or all of the active profiles. Dependencies
 * that are not required and whose profile is inactive are dropped. Throws `not-found` / `stack.no-service`, `invalid`.
 */
export function selectServices(model: StackModel, named: readonly string[]): Map<string, Service> {
  for (const name of named) {
    if (Object.hasOwn(model.services, name)) continue;
    throw noService(name, Object.keys(model.services));
  }
  const active = new Set([
    ...model.profiles,
    ...named.flatMap((name) => model.services[name]?.profiles ?? []),
  ]);
  const isEnabled = (name: string) => {
    const profiles = model.services[name]?.profiles ?? [];
    return profiles.length === 0 || active.has("*") || profiles.some((profile) => active.has(profile));
  };
  const problems = new Problems();
  const selected = new Map<string, Service>();
  const visit = (name: string) => {
    const service = model.services[name];
    if (!service || selected.has(name)) return;
    const dependsOn = Object.entries(service.depends_on ?? {}).filter(
      ([wanted, { required }]) => required || isEnabled(wanted),
    );
    selected.set(
      name,
      service.depends_on ? { ...service, depends_on: Object.fromEntries(dependsOn) } : service,
    );
    for (const wanted of [...dependsOn.map(([wanted]) => wanted), ...sharedServices(service)]) {
      if (!isEnabled(wanted)) {
        const path = ["services", name, "depends_on", wanted];
        const profiles = model.services[wanted]!.profiles!.join(", ");
        problems.invalid(
          locate(model.tree, path),
          path.slice(0, 3).join("."),
          `'${wanted}' is needed, but only there with a profile (${profiles})`,
        );
      } else visit(wanted);
    }
  };
  for (const name of named.length > 0 ? named : Object.keys(model.services).filter(isEnabled)) visit(name);
  checkHostPorts(model, selected, problems);
  problems.throwIfAny();
  return selected;
}

export function noService(name: string, known: readonly string[]): VirgaError {
  return fail("not-found", "stack.no-service", `no such service: ${name}${suggestion(name, known)}`, {
    hint: `the services are: ${known.join(", ")}`,
  });
}

/** Two services cannot publish one host port. */
function checkHostPorts(model: StackModel, selected: ReadonlyMap<string, Service>, problems: Problems): void {
  const taken: { service: string; key: string; address: string }[] = [];
  for (const [name, service] of selected) {
    for (const port of service.ports ?? []) {
      if (port.published === undefined || port.published_last !== undefined) continue;
      const address = anyAddress.has(port.host_ip ?? "") ? "" : port.host_ip!;
      const key = `${port.published}/${port.protocol}`;
      const other = taken.find(
        (one) => one.key === key && (one.address === "" || address === "" || one.address === address),
      );
      if (other) {
        const whose = other.service === name ? "twice" : `by service '${other.service}' too`;
        problems.invalid(
          locate(model.tree, ["services", name, "ports"]),
          `services.${name}.ports`,
          `host port ${key} is published ${whose}`,
        );
      }
      taken.push({ service: name, key, address });
    }
  }
}

const anyAddress = new Set(["", "0.0.0.0", "::"]);
