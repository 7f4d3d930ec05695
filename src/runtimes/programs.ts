import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { basename } from "node:path";
import { fail, messageOf, type Logger } from "../base/index.ts";
import { run, sealedCopy, type RunResult, type ThreadNamespaces } from "../host/index.ts";
import { familyOf, hiddenFrom, type Family } from "./families.ts";
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
  /** `--root …`, what its family needs and the configured options. */
  readonly arguments: readonly string[];
  readonly root: string;
  readonly family: Family;
  call(arguments_: readonly string[], stdin?: string): Promise<RunResult>;
  /** Runs `work`, which starts the program, where it sees what it may see. `work` must be synchronous. */
  spawn<T>(work: () => Exclude<T, Promise<unknown>>): T;
  /** The same with more global options. */
  with(options: readonly string[]): OciProgram;
}

export interface OciPrograms extends Disposable {
  /** Throws `invalid` / `runtime.unknown` or `precondition` / `runtime.missing`. */
  get(name: string): OciProgram;
  /** For a task that was made by it: one that is gone from the machine fails only when it is called. */
  find(name: string): OciProgram;
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

  const get = (name: string): OciProgram => {
    const program = Object.hasOwn(options.runtimes, name) ? options.runtimes[name] : undefined;
    if (program === undefined) {
      throw fail("invalid", "runtime.unknown", `unknown or invalid runtime name: ${name}`, {
        hint: `runtimes of this daemon: ${Object.keys(options.runtimes).join(", ")}`,
      });
    }
    const path = locate(name, program.path);
    const family = familyOf(path);
    const root = options.layout.runtimeRoot(name);
    mkdirSync(root, { recursive: true, mode: 0o700 });
    return ociProgram(options.namespaces, {
      name,
      path: family.sealed ? sealedPath(path) : path,
      arguments: [`--root=${root}`, ...family.options, ...(program.options ?? [])],
      root,
      family,
    });
  };
  return {
    get,
    find(name) {
      try {
        return get(name);
      } catch (error) {
        return missingProgram(name, options.layout.runtimeRoot(name), messageOf(error));
      }
    },
    [Symbol.dispose]() {
      for (const copy of sealed.values()) copy[Symbol.dispose]();
      sealed.clear();
    },
  };
}

/** Debian packages of runtimes, where they are not called after the program. */
const packages: Readonly<Record<string, string>> = { "kata-runtime": "kata-containers" };

function locate(name: string, path: string): string {
  const found = path.includes("/") ? path : Bun.which(path);
  try {
    if (found === null) throw new Error("not in PATH");
    accessSync(found, constants.X_OK);
    return found;
  } catch (error) {
    throw fail("precondition", "runtime.missing", `the runtime ${name} (${path}) is not installed`, {
      hint: `apt-get install ${packages[basename(path)] ?? basename(path)}, or choose another runtime`,
      cause: error,
    });
  }
}

type Plain = Omit<OciProgram, "call" | "spawn" | "with">;

function ociProgram(namespaces: ThreadNamespaces, plain: Plain): OciProgram {
  const hidden = hiddenFrom(plain.family);
  const spawn: OciProgram["spawn"] = (work) => namespaces.withoutUnifiedCgroup(work, hidden);
  return {
    ...plain,
    spawn,
    call: (more, stdin) =>
      spawn(() => ({
        result: run([plain.path, ...plain.arguments, ...more], stdin === undefined ? {} : { stdin }),
      })).result,
    with: (more) => ociProgram(namespaces, { ...plain, arguments: [...plain.arguments, ...more] }),
  };
}

function missingProgram(name: string, root: string, why: string): OciProgram {
  const program: OciProgram = {
    name,
    path: name,
    arguments: [],
    root,
    family: familyOf(""),
    call: async () => ({ exitCode: 127, stdout: "", stderr: why }),
    spawn() {
      throw fail("precondition", "runtime.missing", why);
    },
    with: () => program,
  };
  return program;
}
