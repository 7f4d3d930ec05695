import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { basename } from "node:path";
import { fail, type Logger } from "../base/index.ts";
import { run, sealedCopy, type RunResult, type ThreadNamespaces } from "../host/index.ts";
import type { TaskLayout } from "./layout.ts";

/** An OCI runtime of the configuration: what `--runtime NAME` stands for. */
export interface RuntimeProgram {
  /** Absolute path, or a name to be found in PATH. */
  readonly path: string;
  /** Global options, before the command. */
  readonly options?: readonly string[];
}

/** One OCI runtime, ready to be called. */
export interface OciProgram {
  readonly name: string;
  readonly path: string;
  /** `--root …` and the configured options. */
  readonly arguments: readonly string[];
  readonly root: string;
  /** crun and runc hold a created task at a fifo and keep all they know below the root: see `tasks.ts`. */
  readonly family: "crun" | "runc" | "other";
  call(arguments_: readonly string[], stdin?: string): Promise<RunResult>;
}

export interface OciPrograms extends Disposable {
  /** Throws `invalid` / `runtime.unknown` or `precondition` / `runtime.missing`. */
  get(name: string): OciProgram;
}

/** Finds the programs at their first use, so that a runtime that is not installed hurts only who asks for it. */
export function openPrograms(options: {
  readonly runtimes: Readonly<Record<string, RuntimeProgram>>;
  readonly layout: TaskLayout;
  readonly namespaces: ThreadNamespaces;
  readonly logger: Logger;
}): OciPrograms {
  const sealed = new Map<string, ReturnType<typeof sealedCopy> & { readonly version: string }>();

  /** The sealed copy is made anew when the program on disk changed (a package upgrade). */
  const sealedPath = (path: string): string => {
    const { ino, mtimeMs, size } = statSync(path);
    const version = `${ino}:${mtimeMs}:${size}`;
    const known = sealed.get(path);
    if (known?.version === version) return known.path;
    known?.[Symbol.dispose]();
    const copy = { ...sealedCopy(path), version };
    sealed.set(path, copy);
    return copy.path;
  };

  return {
    get(name) {
      const program = options.runtimes[name];
      if (program === undefined) {
        throw fail("invalid", "runtime.unknown", `unknown or invalid runtime name: ${name}`, {
          hint: `runtimes of this daemon: ${Object.keys(options.runtimes).join(", ")}`,
        });
      }
      const path = locate(name, program.path);
      const family = familyOf(path);
      const root = options.layout.runtimeRoot(name);
      mkdirSync(root, { recursive: true, mode: 0o700 });
      const arguments_ = [`--root=${root}`, ...(program.options ?? [])];
      // Only crun looks whether it is sealed; others re-execute themselves in their own way.
      const start = family === "crun" ? sealedPath(path) : path;
      return {
        name,
        path: start,
        arguments: arguments_,
        root,
        family,
        call: (more, stdin) =>
          options.namespaces.withoutUnifiedCgroup(() => ({
            result: run([start, ...arguments_, ...more], stdin === undefined ? {} : { stdin }),
          })).result,
      };
    },
    [Symbol.dispose]() {
      for (const copy of sealed.values()) copy[Symbol.dispose]();
      sealed.clear();
    },
  };
}

function locate(name: string, path: string): string {
  const found = path.includes("/") ? path : Bun.which(path);
  try {
    if (found === null) throw new Error("not in PATH");
    accessSync(found, constants.X_OK);
    return found;
  } catch (error) {
    throw fail("precondition", "runtime.missing", `the runtime ${name} (${path}) is not installed`, {
      hint: `install ${basename(path)}, or choose another runtime`,
      cause: error,
    });
  }
}

function familyOf(path: string): OciProgram["family"] {
  const name = basename(path);
  return name === "crun" || name === "runc" ? name : "other";
}
