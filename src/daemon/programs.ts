import { accessSync, constants } from "node:fs";
import { findProgram } from "../doctor/index.ts";
import type { RuntimeProgram } from "../runtimes/index.ts";

type Programs = Record<string, RuntimeProgram>;

/** The OCI runtimes that `--runtime` takes: those that Virga knows, there or not, and those of the configuration. */
export function runtimePrograms(configured: Readonly<Programs>): Programs {
  const known = ["crun", "runc", "runsc"].map(
    (name) => [name, { path: findProgram([name]) ?? name }] as const,
  );
  return { ...Object.fromEntries(known), ...configured };
}

/** Those of them that this machine has. */
export function installedRuntimes(programs: Readonly<Programs>): Programs {
  return Object.fromEntries(Object.entries(programs).filter(([, { path }]) => isProgram(path)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path.includes("/") ? path : (findProgram([path]) ?? ""), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
