import { fail } from "../../base/index.ts";
import type { NamespaceSpec } from "../spec.ts";
import type { OciConfigInput } from "./input.ts";

export interface OciNamespace {
  readonly type: "mount" | "pid" | "ipc" | "uts" | "network" | "cgroup";
  readonly path?: string;
}

/** What each kind accepts, `container:ID` aside. */
const accepted: Readonly<Record<keyof NamespaceSpec, readonly string[]>> = {
  pid: ["", "private", "host"],
  ipc: ["", "private", "host", "shareable", "none"],
  uts: ["", "private", "host"],
  cgroup: ["", "private", "host"],
};
const joinable: readonly (keyof NamespaceSpec)[] = ["pid", "ipc"];
const kernelNames = { pid: "pid", ipc: "ipc", uts: "uts", network: "net" } as const;

/** The namespaces of a container. Throws `invalid` / `namespace.invalid`, `conflict` for one that does not run. */
export function buildNamespaces(
  input: Pick<OciConfigInput, "spec" | "network" | "pidOf" | "host">,
): readonly OciNamespace[] {
  const { namespaces = {} } = input.spec;
  const result: OciNamespace[] = [{ type: "mount" }];
  for (const type of ["pid", "ipc", "uts"] as const) {
    const mode = checked(type, namespaces[type] ?? "");
    if (mode === "host") continue;
    if (!mode.startsWith("container:")) result.push({ type });
    else result.push({ type, path: pathOf(type, mode.slice("container:".length), input.pidOf) });
  }
  if (input.network.kind === "new") result.push({ type: "network" });
  if (input.network.kind === "path") result.push({ type: "network", path: input.network.path });
  // Docker's default: private on cgroup v2, the host's on v1.
  const cgroup =
    checked("cgroup", namespaces.cgroup ?? "") || (input.host.cgroup.version === 2 ? "private" : "host");
  if (cgroup === "private") result.push({ type: "cgroup" });
  return result;
}

function checked(kind: keyof NamespaceSpec, mode: string): string {
  if (accepted[kind].includes(mode)) return mode;
  if (/^container:.+/.test(mode) && joinable.includes(kind)) return mode;
  const choices = [...accepted[kind].filter(Boolean), ...(joinable.includes(kind) ? ["container:ID"] : [])];
  throw fail("invalid", "namespace.invalid", `invalid ${kind.toUpperCase()} mode: ${mode}`, {
    hint: `it can be: ${choices.join(", ")}`,
  });
}

function pathOf(type: "pid" | "ipc" | "uts", container: string, pidOf: OciConfigInput["pidOf"]): string {
  const pid = pidOf(container);
  if (pid !== undefined) return `/proc/${pid}/ns/${kernelNames[type]}`;
  throw fail(
    "conflict",
    "container.not-running",
    `can't join ${type.toUpperCase()} of container ${container}: container ${container} is not running`,
    { hint: `virga start ${container}` },
  );
}
