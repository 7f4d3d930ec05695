import type { OciConfig } from "../../runtimes/index.ts";
import type { SecuritySpec } from "../spec.ts";
import type { HostFacts } from "./input.ts";

export interface Confinement {
  /** Fields of the OCI `process`. */
  readonly process: OciConfig;
  /** SELinux label of the container's mounts. */
  readonly mountLabel: string | undefined;
  readonly warnings: readonly string[];
}

/**
 * AppArmor profile and SELinux labels, on hosts that have the module. On others they are dropped, as Docker drops them,
 * but with a warning.
 */
export function confine(
  { apparmor, labels = [] }: Pick<SecuritySpec, "apparmor" | "labels">,
  host: Pick<HostFacts, "apparmor" | "selinux">,
): Confinement {
  const warnings: string[] = [];
  const wanted = labels.filter((one) => one !== "disable");
  const unlabelled = wanted.length < labels.length;
  if (apparmor !== undefined && apparmor !== "unconfined" && !host.apparmor) {
    warnings.push(
      `AppArmor is not supported on this host, but the profile '${apparmor}' was specified: it has no effect`,
    );
  }
  if (wanted.length > 0 && !unlabelled && !host.selinux) {
    warnings.push(`SELinux is not enabled on this host: label ${wanted.join(", ")} has no effect`);
  }
  const selinux = host.selinux && wanted.length > 0 && !unlabelled ? selinuxLabels(wanted) : undefined;
  return {
    process: {
      ...(apparmor !== undefined && host.apparmor ? { apparmorProfile: apparmor } : {}),
      ...(selinux ? { selinuxLabel: selinux.process } : {}),
    },
    mountLabel: selinux?.mount,
    warnings,
  };
}

/** `user:U`, `role:R`, `type:T`, `level:L` and `filetype:T` in place of the parts of the policy's defaults. */
export function selinuxLabels(options: readonly string[]): {
  readonly process: string;
  readonly mount: string;
} {
  const given = new Map(
    options.map((one) => {
      const at = one.indexOf(":");
      return [one.slice(0, at), one.slice(at + 1)] as const;
    }),
  );
  const user = given.get("user") ?? "system_u";
  const level = given.get("level") ?? "s0";
  const role = given.get("role") ?? "system_r";
  return {
    process: `${user}:${role}:${given.get("type") ?? "container_t"}:${level}`,
    mount: `${user}:object_r:${given.get("filetype") ?? "container_file_t"}:${level}`,
  };
}
