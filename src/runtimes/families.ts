import { basename } from "node:path";
import type { OciConfig } from "./runtime.ts";

/**
 * In what OCI runtimes differ beyond the specification, as data. What is true for crun alone makes it fast; what is not
 * known to be true of a runtime is left to its own commands.
 */
export interface Family {
  readonly name: "crun" | "runc" | "runsc" | "other";
  /** Global options, before the command. */
  readonly options: readonly string[];
  /** It runs from a sealed copy of itself, and looks whether it does. */
  readonly sealed: boolean;
  /** A created task waits at ROOT/ID/exec.fifo, which goes when it starts. */
  readonly heldAtFifo: boolean;
  /** A byte into that fifo is all that `start` does. */
  readonly startsByFifo: boolean;
  /** A compiled seccomp filter can be given to it. */
  readonly takesFilter: boolean;
  /** All that it keeps of a task is ROOT/ID, which may simply go. */
  readonly plainState: boolean;
  /** The pid that it tells is the container's first process: signals go there. Otherwise by its `kill`. */
  readonly realProcess: boolean;
  /** `exec --tty`; otherwise the process's own `terminal` says it. */
  readonly execTty: boolean;
  /**
   * The failure of its `exec` is in the debug log alone: gVisor shuts the output of a process that it cannot make down,
   * which is its own, too, and ends by that before it writes to the log.
   */
  readonly execTellsDebugLog: boolean;
  /** It can pause; otherwise the cgroup is frozen. */
  readonly pauses: boolean;
  readonly updates: boolean;
  /** A container has a kernel of its own inside the runtime: its network stack, its namespaces, its settings. */
  readonly ownKernel: boolean;
}

const byTheBook: Omit<Family, "name"> = {
  options: [],
  sealed: false,
  heldAtFifo: false,
  startsByFifo: false,
  takesFilter: false,
  plainState: false,
  realProcess: false,
  execTty: true,
  execTellsDebugLog: false,
  pauses: true,
  updates: true,
  ownKernel: false,
};

const families: Readonly<Record<Family["name"], Family>> = {
  crun: {
    ...byTheBook,
    name: "crun",
    sealed: true,
    heldAtFifo: true,
    startsByFifo: true,
    takesFilter: true,
    plainState: true,
    realProcess: true,
  },
  runc: { ...byTheBook, name: "runc", heldAtFifo: true, plainState: true, realProcess: true },
  runsc: {
    ...byTheBook,
    name: "runsc",
    // What is written goes to the layer, where diff, commit and cp find it; files put in by cp are seen; ping works.
    options: ["--overlay2=none", "--file-access=shared", "--net-raw"],
    execTty: false,
    execTellsDebugLog: true,
    pauses: false,
    updates: false,
    ownKernel: true,
  },
  other: { ...byTheBook, name: "other" },
};

/** By the program's name: `/opt/crun-1.20/crun` is a crun. */
export function familyOf(path: string): Family {
  const name = basename(path);
  return name === "crun" || name === "runc" || name === "runsc" ? families[name] : families.other;
}

/**
 * Options for one task. runsc takes the addresses of the interfaces that it finds for its own network stack, which only
 * works for a namespace that is the task's alone; in one that is shared it uses the kernel's stack, as it has to.
 */
export function taskOptions(family: Family, config: OciConfig): readonly string[] {
  if (!family.ownKernel) return [];
  const linux = config["linux"] as { namespaces?: readonly { type: string; path?: string }[] } | undefined;
  const network = linux?.namespaces?.find((one) => one.type === "network");
  return network !== undefined && network.path === undefined ? [] : ["--network=host"];
}

/**
 * Folders that a runtime must not see while it is at work. runsc takes a namespace that has this one for the host's own
 * network (true of kernels before 6.13) and refuses to work there.
 */
export function hiddenFrom(family: Family): readonly string[] {
  return family.ownKernel ? ["/proc/sys/net"] : [];
}
