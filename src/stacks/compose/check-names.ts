import type { StackModel } from "./model.ts";
import type { ReportAt } from "./problems.ts";

/** Two things that want the same name or place: container names, mount points. */
export function nameFindings(model: StackModel, report: ReportAt): void {
  const owners = new Map<string, string>();
  for (const [name, service] of Object.entries(model.services)) {
    const wanted = service.container_name;
    const owner = wanted === undefined ? undefined : owners.get(wanted);
    if (owner !== undefined) {
      report(["services", name, "container_name"], `'${wanted}' is the name of service '${owner}' too`);
    }
    if (wanted !== undefined) owners.set(wanted, name);
    mountFindings(name, service, report);
  }
}

function mountFindings(name: string, service: StackModel["services"][string], report: ReportAt): void {
  const targets = new Map<string, string>();
  const claim = (key: string, target: string) => {
    const normal = target.replace(/\/+$/, "");
    const other = targets.get(normal);
    if (other !== undefined) {
      report(["services", name, key], `two mounts at ${target}: in '${other}' and in '${key}'`);
    }
    targets.set(normal, key);
  };
  for (const mount of service.volumes ?? []) claim("volumes", mount.target);
  for (const mount of service.tmpfs ?? []) claim("tmpfs", mount.target);
  for (const grant of service.secrets ?? []) claim("secrets", secretTarget(grant));
  for (const grant of service.configs ?? []) claim("configs", configTarget(grant));
}

interface Named {
  readonly source: string;
  readonly target?: string;
}

/** Where a secret is mounted: `/run/secrets/NAME`, unless its target is absolute. */
export function secretTarget({ source, target = source }: Named): string {
  return target.startsWith("/") ? target : `/run/secrets/${target}`;
}

export function configTarget({ source, target = source }: Named): string {
  return target.startsWith("/") ? target : `/${target}`;
}
