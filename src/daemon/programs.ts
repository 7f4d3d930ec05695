import { accessSync, constants } from "node:fs";
import { findProgram } from "../doctor/index.ts";
import { run } from "../host/index.ts";
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

/** What each program says of itself when it is asked for its version, asked once; those that say nothing are left out. */
export function programVersions(programs: Readonly<Record<string, { readonly path: string }>>) {
  let known: Promise<Record<string, { version: string; commit: string }>> | undefined;
  return () => (known ??= readVersions(programs));
}

async function readVersions(programs: Readonly<Record<string, { readonly path: string }>>) {
  const read = Object.entries(programs).map(async ([name, { path }]) => {
    const said = await versionOf(path);
    return said === undefined ? [] : [[name, said] as const];
  });
  return Object.fromEntries((await Promise.all(read)).flat());
}

async function versionOf(path: string) {
  try {
    const { exitCode, stdout } = await run([path, "--version"]);
    const version = exitCode === 0 ? /\bversion (\S+)/.exec(stdout)?.[1] : undefined;
    if (version === undefined) return undefined;
    const commit = /^commit: (\S+)/m.exec(stdout)?.[1] ?? "";
    return { version, commit: commit === "unknown" ? "" : commit };
  } catch {
    return undefined; // it is gone: there is nothing to tell
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path.includes("/") ? path : (findProgram([path]) ?? ""), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
