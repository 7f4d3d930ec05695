/** Seccomp profiles in Docker's format (its `seccomp.json`), which has conditions that the OCI format lacks. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  /** libseccomp's names; instead of `archMap`. */
  readonly architectures?: readonly string[];
  readonly archMap?: readonly ArchitectureEntry[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SyscallRule[];
}

export interface ArchitectureEntry {
  readonly architecture: string;
  readonly subArchitectures?: readonly string[] | null;
}

export interface SyscallRule {
  readonly name?: string;
  readonly names?: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SyscallArgument[] | null;
  readonly includes?: RuleFilter;
  readonly excludes?: RuleFilter;
  readonly comment?: string;
}

export interface SyscallArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

/** When a rule applies (`includes`), or does not (`excludes`). */
export interface RuleFilter {
  /** Capabilities of the container. */
  readonly caps?: readonly string[];
  /** Go's names: `amd64`, `arm64`, … */
  readonly arches?: readonly string[];
  /** `4.8` */
  readonly minKernel?: string;
}
