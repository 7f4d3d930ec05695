import { conditional } from "./conditional.ts";
import type { ArchitectureEntry, SeccompProfile } from "./profile.ts";
import { alwaysAllowed } from "./system-calls.ts";

/** What else a process of an architecture may use: the 32-bit calls of the same machine. */
const architectures: readonly ArchitectureEntry[] = Object.entries({
  X86_64: ["X86", "X32"],
  AARCH64: ["ARM"],
  MIPS64: ["MIPS", "MIPS64N32"],
  MIPS64N32: ["MIPS", "MIPS64"],
  MIPSEL64: ["MIPSEL", "MIPSEL64N32"],
  MIPSEL64N32: ["MIPSEL", "MIPSEL64"],
  S390X: ["S390"],
  RISCV64: [],
  LOONGARCH64: [],
}).map(([name, more]) => ({
  architecture: `SCMP_ARCH_${name}`,
  subArchitectures: more.map((one) => `SCMP_ARCH_${one}`),
}));

/**
 * The profile of a container that names none. It lets through what programs need and answers EPERM to the rest: calls
 * that reach out of the container or that few programs use and many holes of the kernel were in. Same effect as
 * Docker's default, so that whatever runs there runs here.
 */
export const defaultProfile: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1,
  archMap: architectures,
  syscalls: [{ names: alwaysAllowed, action: "SCMP_ACT_ALLOW" }, ...conditional],
};
