import { fail } from "../../../base/index.ts";
import type { OciConfig } from "../../../runtimes/index.ts";
import type { HostFacts } from "../input.ts";
import type { RuleFilter, SeccompProfile, SyscallRule } from "./profile.ts";

export interface SeccompContext {
  readonly capabilities: readonly string[];
  readonly kernel: HostFacts["kernel"];
  readonly architecture: string;
}

/** libseccomp's name of each architecture that Go names. */
const libseccompNames: Readonly<Record<string, string>> = {
  amd64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64", 386: "SCMP_ARCH_X86", arm: "SCMP_ARCH_ARM",
  ppc64le: "SCMP_ARCH_PPC64LE", s390x: "SCMP_ARCH_S390X", s390: "SCMP_ARCH_S390", riscv64: "SCMP_ARCH_RISCV64",
  loong64: "SCMP_ARCH_LOONGARCH64", mips64: "SCMP_ARCH_MIPS64", mips64le: "SCMP_ARCH_MIPSEL64",
}; // prettier-ignore

/**
 * The OCI form (config-linux.md, "Seccomp") of a profile on this machine, for a container with these capabilities.
 * Rules that don't apply are gone, and plain rules of the same action are one. Throws `invalid` / `seccomp.invalid`.
 */
export function resolveSeccomp(profile: SeccompProfile, context: SeccompContext): OciConfig {
  if (profile.architectures?.length && profile.archMap?.length) {
    throw invalid(
      "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const applying = (profile.syscalls ?? []).filter((rule) => applies(rule, context));
  const architectures = architecturesOf(profile, context.architecture);
  return {
    defaultAction: profile.defaultAction,
    ...optional("defaultErrnoRet", profile.defaultErrnoRet),
    ...(architectures.length > 0 ? { architectures } : {}),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    ...optional("listenerPath", profile.listenerPath),
    ...optional("listenerMetadata", profile.listenerMetadata),
    syscalls: merge(applying),
  };
}

function applies(rule: SyscallRule, context: SeccompContext): boolean {
  const { includes = {}, excludes = {} } = rule;
  if (excludes.arches?.includes(context.architecture)) return false;
  if (excludes.caps?.some((one) => context.capabilities.includes(one))) return false;
  if (excludes.minKernel !== undefined && kernelAtLeast(excludes.minKernel, context)) return false;
  return included(includes, context);
}

function included(filter: RuleFilter, context: SeccompContext): boolean {
  if (filter.arches?.length && !filter.arches.includes(context.architecture)) return false;
  if (filter.caps?.some((one) => !context.capabilities.includes(one))) return false;
  return filter.minKernel === undefined || kernelAtLeast(filter.minKernel, context);
}

function kernelAtLeast(version: string, { kernel }: SeccompContext): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (!match) throw invalid(`invalid kernel version in the seccomp profile: ${version}`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}

function architecturesOf(profile: SeccompProfile, architecture: string): readonly string[] {
  if (profile.architectures?.length) return profile.architectures;
  const native = libseccompNames[architecture];
  const entry = profile.archMap?.find((one) => one.architecture === native);
  return entry === undefined ? [] : [entry.architecture, ...(entry.subArchitectures ?? [])];
}

function merge(rules: readonly SyscallRule[]): OciConfig[] {
  const plain = new Map<string, { action: string; errnoRet: number | undefined; names: Set<string> }>();
  const special: OciConfig[] = [];
  for (const rule of rules) {
    const names = namesOf(rule);
    const { action, errnoRet } = rule;
    if (rule.args?.length) {
      special.push({ names, action, ...optional("errnoRet", errnoRet), args: rule.args });
      continue;
    }
    const key = `${action} ${errnoRet}`;
    const known = plain.get(key) ?? { action, errnoRet, names: new Set<string>() };
    for (const name of names) known.names.add(name);
    plain.set(key, known);
  }
  const merged = [...plain.values()].map(({ action, errnoRet, names }) => ({
    names: [...names],
    action,
    ...optional("errnoRet", errnoRet),
  }));
  return [...merged, ...special];
}

function namesOf(rule: SyscallRule): readonly string[] {
  if (rule.name !== undefined && rule.names?.length) {
    throw invalid("use either 'name' or 'names' in a rule of the seccomp profile, not both");
  }
  const names = rule.names ?? (rule.name === undefined ? [] : [rule.name]);
  if (names.length > 0) return names;
  throw invalid("a rule of the seccomp profile names no system call");
}

function optional(name: string, value: string | number | undefined): OciConfig {
  return value === undefined ? {} : { [name]: value };
}

function invalid(message: string): Error {
  return fail("invalid", "seccomp.invalid", message);
}
