import { fail } from "../../base/index.ts";
import type { Engine } from "../engine.ts";
import { networkMode } from "../connections/network-mode.ts";
import type { ContainerSpec } from "../spec.ts";

/**
 * What the chosen OCI runtime cannot do: throws `unimplemented` / `runtime.cannot` by name for what would change what
 * the container is, and returns warnings for what only has no effect. Throws what Runtime.require throws.
 */
export function checkRuntime(
  spec: ContainerSpec,
  engine: Pick<Engine, "runtime" | "defaultRuntime" | "registry">,
): string[] {
  const name = spec.runtime ?? engine.defaultRuntime;
  engine.runtime.require(name);
  if (!engine.runtime.abilities(name).ownKernel) return [];
  const { namespaces = {}, resources = {}, security = {}, sysctls = {} } = spec;
  const cannot = (what: string) =>
    fail("unimplemented", "runtime.cannot", `the runtime ${name} cannot ${what}`, {
      hint: "its containers have a kernel of their own; use crun or runc",
    });
  for (const kind of ["pid", "ipc", "uts"] as const) {
    const mode = namespaces[kind] ?? "";
    if (mode !== "host" && !mode.startsWith("container:")) continue;
    throw cannot(
      `share the ${kind.toUpperCase()} namespace of ${mode === "host" ? "the host" : "another container"}`,
    );
  }
  if ((resources.devices ?? []).length > 0) throw cannot("give devices of the host to a container");
  const mode = networkMode(spec.network);
  if (mode.kind === "container") {
    const owner =
      engine.registry.resolve(mode.container).record.container.spec.runtime ?? engine.defaultRuntime;
    if (engine.runtime.abilities(owner).ownKernel)
      throw cannot(`share the network of a container of ${owner}`);
  }
  const ignored = [
    ...(Object.keys(sysctls).length > 0 ? ["sysctls"] : []),
    ...(security.seccomp !== undefined && security.seccomp !== "unconfined" ? ["a seccomp profile"] : []),
    ...(security.maskedPaths !== undefined || security.readonlyPaths !== undefined ? ["masked paths"] : []),
  ];
  return ignored.map((one) => `${one} has no effect with the runtime ${name}, which has a kernel of its own`);
}
