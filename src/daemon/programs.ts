import { findProgram } from "../doctor/index.ts";

/** The OCI runtimes that this machine has, by the name that `--runtime` takes. */
export function runtimePrograms(): Record<string, { readonly path: string }> {
  const found = ["crun", "runc"].flatMap((name) => {
    const path = findProgram([name]);
    return path ? [[name, { path }] as const] : [];
  });
  return Object.fromEntries(found);
}
