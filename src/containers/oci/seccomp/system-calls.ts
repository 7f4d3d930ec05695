/**
 * What every container may call, by what it is for. Some calls have a second form for 32-bit programs (`64`, `32`,
 * `_time64`), which stands beside the first.
 */
const byPurpose: Readonly<Record<string, string>> = {
  "open, create and close": `
    open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock
    name_to_handle_at memfd_create memfd_secret umask`,
  "read and write": `
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek readahead
    sendfile sendfile64 copy_file_range splice tee vmsplice fadvise64 fadvise64_64 ioctl`,
  "size and flushing": `
    truncate truncate64 ftruncate ftruncate64 fallocate sync syncfs fsync fdatasync sync_file_range`,
  "directories and names": `
    mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat readlink readlinkat
    mknod mknodat getdents getdents64 getcwd chdir fchdir`,
  "status, owner and mode": `
    stat stat64 fstat fstat64 lstat lstat64 fstatat64 newfstatat statx access faccessat faccessat2
    chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32
    utime utimes futimesat utimensat utimensat_time64`,
  "extended attributes": `
    getxattr getxattrat lgetxattr fgetxattr setxattr setxattrat lsetxattr fsetxattr
    listxattr listxattrat llistxattr flistxattr removexattr removexattrat lremovexattr fremovexattr`,
  "filesystems, looked at": "statfs statfs64 fstatfs fstatfs64 statmount listmount",
  "watching files": "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark",
  "waiting for descriptors": `
    select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
    eventfd eventfd2 signalfd signalfd4 pipe pipe2`,
  "asynchronous input and output": `
    io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64`,
  sockets: `
    socketcall socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
    send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,
  memory: `
    brk mmap mmap2 munmap mremap mprotect madvise msync mincore mlock mlock2 mlockall munlock munlockall mseal
    remap_file_pages membarrier map_shadow_stack pkey_alloc pkey_free pkey_mprotect cachestat process_mrelease`,
  "processes and threads": `
    fork vfork execve execveat exit exit_group wait4 waitid waitpid
    getpid getppid gettid getpgid setpgid getpgrp getsid setsid
    pidfd_open pidfd_send_signal set_tid_address set_thread_area get_thread_area
    set_robust_list get_robust_list rseq prctl restart_syscall uretprobe`,
  "waiting for memory (futex)": `
    futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue`,
  signals: `
    kill tkill tgkill pause alarm sigaltstack sigprocmask sigreturn
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_tgsigqueueinfo
    rt_sigtimedwait rt_sigtimedwait_time64`,
  "users, groups and capabilities": `
    getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32
    getresuid getresuid32 getresgid getresgid32
    setuid setuid32 setgid setgid32 setgroups setgroups32 setreuid setreuid32 setregid setregid32
    setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 capget capset`,
  "limits and usage": "getrlimit ugetrlimit setrlimit prlimit64 getrusage times sysinfo uname getcpu",
  scheduling: `
    getpriority setpriority ioprio_get ioprio_set sched_yield
    sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval sched_rr_get_interval_time64`,
  clocks: `
    time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64
    nanosleep clock_nanosleep clock_nanosleep_time64 adjtimex clock_adjtime clock_adjtime64`,
  timers: `
    getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
    timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
    timerfd_settime timerfd_settime64`,
  "messages and shared memory": `
    ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
    mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64
    mq_timedsend mq_timedsend_time64`,
  "locking oneself in": "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
  other: "getrandom riscv_hwprobe",
};

export const alwaysAllowed: readonly string[] = Object.values(byPurpose).flatMap((list) =>
  list.trim().split(/\s+/),
);
