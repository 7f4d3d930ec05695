import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OciProgram } from "./programs.ts";
import type { OciConfig } from "./runtime.ts";

/** crun(1): a compiled filter, base64, in place of what the configuration's seccomp section says. */
const annotation = "run.oci.seccomp_bpf_data";
const mostFilters = 64;

/**
 * Compiled seccomp filters. To compile a profile of 400 calls for three architectures takes libseccomp 11 ms, half of
 * all that crun does to create a container, and few profiles are in use; so what crun compiled for one container is
 * given to it for the next with the same profile.
 */
export interface SeccompCache {
  /** `config` with the compiled filter, if it is known. */
  apply(program: OciProgram, config: OciConfig): OciConfig;
  /** Keeps the filter that crun has compiled for the task `id`, of that configuration. */
  learn(program: OciProgram, config: OciConfig, id: string): void;
}

export function createSeccompCache(): SeccompCache {
  const filters = new Map<string, string>();
  return {
    apply(program, config) {
      const key = keyOf(program, config);
      const filter = key === undefined ? undefined : filters.get(key);
      if (key === undefined || filter === undefined) return config;
      // The one used last is the last to go.
      filters.delete(key);
      filters.set(key, filter);
      return { ...config, annotations: { ...(config["annotations"] as OciConfig), [annotation]: filter } };
    },
    learn(program, config, id) {
      const key = keyOf(program, config);
      if (key === undefined || filters.has(key)) return;
      const filter = readFilter(join(program.root, id, "seccomp.bpf"));
      if (filter === undefined) return;
      filters.set(key, filter);
      for (const oldest of filters.keys()) {
        if (filters.size <= mostFilters) break;
        filters.delete(oldest);
      }
    },
  };
}

/** Undefined where a compiled filter can't be given: no profile, another runtime, a listener, a filter of one's own. */
function keyOf(program: OciProgram, config: OciConfig): string | undefined {
  const profile = (config["linux"] as OciConfig | undefined)?.["seccomp"] as OciConfig | undefined;
  if (profile === undefined || !program.family.takesFilter || profile["listenerPath"] !== undefined)
    return undefined;
  if ((config["annotations"] as OciConfig | undefined)?.[annotation] !== undefined) return undefined;
  return createHash("sha256")
    .update(JSON.stringify([program.path, profile]))
    .digest("hex");
}

/** A filter is whole instructions of eight bytes, and never empty. */
function readFilter(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length > 0 && bytes.length % 8 === 0 ? bytes.toString("base64") : undefined;
  } catch {
    return undefined;
  }
}
