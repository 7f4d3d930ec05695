import type { SyscallArgument, SyscallRule } from "./profile.ts";

const allow = "SCMP_ACT_ALLOW";
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: none of them may be set. */
const namespaceFlags = 0x7e020000;
const ENOSYS = 38;
const s390 = ["s390", "s390x"];

function words(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}

/** Allowed with these values of an argument only. */
function withArgument(
  name: string,
  index: number,
  tests: readonly (readonly [op: string, value: number])[],
): SyscallRule[] {
  return tests.map(([op, value]) => ({
    names: [name],
    action: allow,
    args: [{ index, value, op: `SCMP_CMP_${op}` }],
  }));
}

/** Calls that a capability stands for. */
const byCapability: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN: `
    clone clone3 setns unshare
    mount mount_setattr move_mount open_tree umount umount2 fsconfig fsmount fsopen fspick
    quotactl quotactl_fd fanotify_init lookup_dcookie
    sethostname setdomainname
    bpf perf_event_open syslog
    lsm_get_self_attr lsm_list_modules lsm_set_self_attr`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "init_module finit_module delete_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy set_mempolicy set_mempolicy_home_node mbind",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

/** Calls that only some architectures have. */
const byArchitecture: readonly (readonly [arches: readonly string[], calls: string])[] = [
  [["amd64", "x32"], "arch_prctl"],
  [["amd64", "x32", "x86"], "modify_ldt"],
  [["arm", "arm64"], "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"],
  [["ppc64le"], "sync_file_range2 swapcontext"],
  [s390, "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"],
  [["riscv64"], "riscv_flush_icache"],
];

/** clone(2) without new namespaces, for who may not make any; on s390 the flags are the second argument. */
const cloneFlags = (index: number): readonly SyscallArgument[] => [
  { index, value: namespaceFlags, op: "SCMP_CMP_MASKED_EQ" },
];
const withoutAdmin: readonly SyscallRule[] = [
  {
    names: ["clone"],
    action: allow,
    args: cloneFlags(0),
    excludes: { caps: ["CAP_SYS_ADMIN"], arches: s390 },
  },
  {
    names: ["clone"],
    action: allow,
    args: cloneFlags(1),
    includes: { arches: s390 },
    excludes: { caps: ["CAP_SYS_ADMIN"] },
  },
  // Its flags are behind a pointer, out of sight. "No such call" makes the C library use clone instead.
  { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS, excludes: { caps: ["CAP_SYS_ADMIN"] } },
];

/** The execution domains of personality(2) that change nothing of security; the last one only asks. */
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff].map((value) => ["EQ", value] as const);

/** Rules that depend on an argument, the kernel, the architecture or the container's capabilities. */
export const conditional: readonly SyscallRule[] = [
  // Tracing was a way around seccomp before 4.8.
  {
    names: words("ptrace process_vm_readv process_vm_writev"),
    action: allow,
    includes: { minKernel: "4.8" },
  },
  // Every address family but AF_ALG (38), the kernel's crypto, and AF_VSOCK (40), the hypervisor.
  ...withArgument("socket", 0, [["LT", 38], ["EQ", 39], ["GT", 40]]), // prettier-ignore
  ...withArgument("personality", 0, personalities),
  ...byArchitecture.map(([arches, calls]): SyscallRule => ({
    names: words(calls),
    action: allow,
    includes: { arches },
  })),
  ...Object.entries(byCapability).map(([capability, calls]): SyscallRule => ({
    names: words(calls),
    action: allow,
    includes: { caps: [capability] },
  })),
  ...withoutAdmin,
];
