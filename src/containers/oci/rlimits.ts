import { fail } from "../../base/index.ts";
import type { ResourceSpec } from "../spec.ts";
import type { HostFacts } from "./input.ts";
import { uint64 } from "./uint64.ts";

const names = new Set([
  "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
  "rttime", "sigpending", "stack",
]); // prettier-ignore

export interface OciRlimit {
  readonly type: string;
  /** A JSON number of 64 bits; see `uint64`. */
  readonly soft: unknown;
  readonly hard: unknown;
}

/**
 * Resource limits of the first process. Without CAP_SYS_RESOURCE nobody can raise a limit above the daemon's own hard
 * one: such a limit is lowered to that, with a warning. Throws `invalid` / `ulimit.invalid`.
 */
export function buildRlimits(
  ulimits: NonNullable<ResourceSpec["ulimits"]>,
  host: Pick<HostFacts, "limits" | "capabilities">,
): { readonly rlimits: readonly OciRlimit[]; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const rlimits = ulimits.map(({ name, soft, hard }) => {
    if (!names.has(name)) throw fail("invalid", "ulimit.invalid", `invalid ulimit type: ${name}`);
    const [wantedSoft, wantedHard] = [soft, hard].map((value) => (value < 0 ? Infinity : value)) as [
      number,
      number,
    ];
    if (wantedSoft > wantedHard) {
      throw fail(
        "invalid",
        "ulimit.invalid",
        `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
      );
    }
    const type = `RLIMIT_${name.toUpperCase()}`;
    const most = host.capabilities.has("CAP_SYS_RESOURCE") ? Infinity : (host.limits[type]?.hard ?? Infinity);
    if (wantedHard > most) {
      warnings.push(`The daemon may not raise the limit '${name}' above ${most}: the container gets ${most}`);
    }
    return { type, soft: uint64(Math.min(wantedSoft, most)), hard: uint64(Math.min(wantedHard, most)) };
  });
  return { rlimits, warnings };
}
