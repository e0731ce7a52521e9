#include "CIsolation.h"

#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/socket.h>

// What an ordinary program needs, by name. What is not here does not exist for it: the kernel says so (ENOSYS), and the C
// library takes the older way where there is one. Absent with intent: ptrace and process_vm_*, kcmp and pidfd_getfd; bpf and
// perf_event_open; io_uring; userfaultfd; keys; modules and kexec; mounts of every kind; unshare, setns and clone3 (whose flags
// a filter cannot see); clocks that are set; swap, quota, reboot; memory that no limit counts (memfd, System V).
static const char *const PERMITTED[] = {
    // files
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat",
    "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync",
    "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init",
    "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat",
    "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice",
    "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask",
    "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev", "cachestat",
    // memory
    "brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "msync",
    "munlock", "munlockall", "munmap", "map_shadow_stack", "mseal", "pkey_alloc", "pkey_free", "pkey_mprotect",
    "process_madvise", "get_mempolicy", "set_mempolicy_home_node", "remap_file_pages",
    // processes, threads and signals
    "arch_prctl", "capget", "clone", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue",
    "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "getegid", "geteuid",
    "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit",
    "getrusage", "getsid", "gettid", "getuid", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule",
    "landlock_create_ruleset", "landlock_restrict_self", "pause", "personality", "pidfd_open", "pidfd_send_signal", "prctl",
    "prlimit64", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
    "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
    "seccomp", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups",
    "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid",
    "sigaltstack", "signalfd", "signalfd4", "tgkill", "time", "times", "tkill", "vfork", "wait4", "waitid", "waitpid",
    // time
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "nanosleep", "setitimer",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime",
    // waiting, pipes and sockets
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "pipe",
    "pipe2", "poll", "ppoll", "pselect6", "select", "accept", "accept4", "bind", "connect", "getpeername", "getsockname",
    "getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
    // what the system is
    "getrandom", "sysinfo", "uname",
};

static int permit(scmp_filter_ctx filter, const char *name) {
  int number = seccomp_syscall_resolve_name(name);
  // Other kinds of machine, and older libraries, do not have all of them.
  if (number == __NR_SCMP_ERROR || number < 0) return 0;
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
}

// TCP itself: neither MPTCP nor SCTP, of which there are streams, too, and which not every version of Landlock knows.
static int permit_tcp(scmp_filter_ctx filter, int family) {
  static const unsigned protocols[] = {0, IPPROTO_TCP};
  int error = 0;
  for (int i = 0; i < 2 && error == 0; i++)
    error = seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, (unsigned)family),
        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFu, SOCK_STREAM), SCMP_A2(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, protocols[i]));
  return error;
}

static int permit_sockets(scmp_filter_ctx filter, enum osr_sockets sockets) {
  // The kernel looks at the lower half of these arguments only.
  static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
  int internet = sockets == OSR_SOCKETS_ALL;
  int error = 0;
  for (int i = 0; i < (internet ? 3 : 1) && error == 0; i++)
    error = seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, (unsigned)families[i]));
  for (int i = 1; i < 3 && sockets == OSR_SOCKETS_TCP && error == 0; i++) error = permit_tcp(filter, families[i]);
  if (error == 0)
    error = seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, AF_UNIX));
  // Which addresses there are: what the resolver of the C library asks first.
  if (error == 0 && internet)
    error = seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, AF_NETLINK),
        SCMP_A2(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, 0));
  return error;
}

static int write_permitted(int file, enum osr_sockets sockets) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (filter == NULL) return ENOMEM;
  // A program for another kind of machine (32-bit on 64-bit) ends at once.
  int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (unsigned long i = 0; i < sizeof PERMITTED / sizeof *PERMITTED && error == 0; i++)
    error = permit(filter, PERMITTED[i]);
  if (error == 0) error = permit_sockets(filter, sockets);
  if (error == 0) error = seccomp_export_bpf(filter, file);
  seccomp_release(filter);
  return -error;
}

// Flags of clone(2) that make namespaces.
static const unsigned NAMESPACES[] = {
    0x00000080u /* time */, 0x00020000u /* mounts */, 0x02000000u /* cgroup */, 0x04000000u /* host name */,
    0x08000000u /* IPC */,  0x10000000u /* users */,  0x20000000u /* processes */, 0x40000000u /* network */,
};

static int refuse(scmp_filter_ctx filter, int call, int reason, struct scmp_arg_cmp argument) {
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(reason), call, 1, argument);
}

static int write_refused(int file) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == NULL) return ENOMEM;
  int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  // Keys pressed for somebody else, and the console's own calls.
  static const unsigned terminal[] = {0x5412u /* TIOCSTI */, 0x541Cu /* TIOCLINUX */, 0x5423u /* TIOCSETD */,
                                      0x541Du /* TIOCCONS */};
  for (int i = 0; i < 4 && error == 0; i++)
    error = refuse(filter, SCMP_SYS(ioctl), EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, terminal[i]));
  for (int i = 0; i < 8 && error == 0; i++)
    error = refuse(filter, SCMP_SYS(clone), EPERM, SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES[i], NAMESPACES[i]));
  // Filters may be added, but nobody may listen to them.
  if (error == 0)
    error = refuse(filter, SCMP_SYS(seccomp), EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, 0x8u, 0x8u));
  // The personality may be asked for, and stays: no memory at address zero, no addresses that can be foretold.
  if (error == 0) error = refuse(filter, SCMP_SYS(personality), EPERM, SCMP_A0(SCMP_CMP_NE, 0xFFFFFFFFu));
  if (error == 0) error = seccomp_export_bpf(filter, file);
  seccomp_release(filter);
  return -error;
}

int osr_write_filters(int permitted, int refused, enum osr_sockets sockets) {
  int error = write_permitted(permitted, sockets);
  return error != 0 ? error : write_refused(refused);
}
