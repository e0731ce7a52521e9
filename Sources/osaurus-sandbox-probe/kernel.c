#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static enum outcome in_child(long (*call)(void)) {
  pid_t child = fork();
  if (child == 0) _exit(call() >= 0 ? 0 : 1);
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ESCAPED : STOPPED;
}

static long unshare_users(void) { return unshare(CLONE_NEWUSER); }
static long unshare_mounts(void) { return unshare(CLONE_NEWNS); }
static long unshare_network(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNET); }
static long clone_users(void) { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }
static long clone3_users(void) {
  uint64_t arguments[11] = {CLONE_NEWUSER};
  arguments[4] = SIGCHLD;
  return syscall(SYS_clone3, arguments, sizeof arguments);
}
static long enter_first(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/ns/mnt", bait_number("BAIT_FIRST"));
  int file = open(path, O_RDONLY);
  return file < 0 ? -1 : setns(file, CLONE_NEWNS);
}
static long mount_memory(void) { return mount("x", "/tmp", "tmpfs", 0, ""); }
static long mount_bind(void) { return mount("/", "/tmp", NULL, MS_BIND, NULL); }
static long unmount(void) { return umount2("/tmp", MNT_DETACH); }
static long remount(void) { return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long change_root(void) { return chroot("/usr"); }
static long pivot(void) {
  long answer = syscall(SYS_pivot_root, "/tmp", "/tmp");
  return answer < 0 && (errno == ENOSYS || errno == EPERM) ? -1 : 0;
}

// The same in a mount namespace that goes with the process, so that nothing stays where it works.
#define MOUNT_ATTEMPT(name, call)                      \
  static long name##_alone(void) {                     \
    if (unshare(CLONE_NEWNS) == 0) mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL); \
    return call();                                     \
  }                                                    \
  static enum outcome name(void) { return in_child(name##_alone); }

MOUNT_ATTEMPT(try_mount, mount_memory)
MOUNT_ATTEMPT(try_bind, mount_bind)
MOUNT_ATTEMPT(try_unmount, unmount)
MOUNT_ATTEMPT(try_remount, remount)
MOUNT_ATTEMPT(try_pivot, pivot)

static enum outcome try_unshare_users(void) { return in_child(unshare_users); }
static enum outcome try_unshare_mounts(void) { return in_child(unshare_mounts); }
static enum outcome try_unshare_network(void) { return in_child(unshare_network); }
static enum outcome try_clone_users(void) { return in_child(clone_users); }
static enum outcome try_clone3_users(void) { return in_child(clone3_users); }
static enum outcome try_enter(void) { return in_child(enter_first); }
static enum outcome try_change_root(void) { return in_child(change_root); }
static enum outcome new_mount_calls(void) { return done(syscall(SYS_open_tree, AT_FDCWD, "/", 1)); }
static enum outcome open_file_system(void) { return done(syscall(SYS_fsopen, "tmpfs", 0)); }

static enum outcome trace_child(void) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  long answer = syscall(SYS_ptrace, 0x4206 /* PTRACE_SEIZE */, child, 0, 0);
  kill(child, SIGKILL);
  return done(answer);
}

static enum outcome read_other_memory(void) {
  char from[8] = "abcdefg", to[8];
  struct iovec local = {to, sizeof to}, remote = {from, sizeof from};
  return done(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

static enum outcome take_descriptor(void) {
  int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
  return done(syscall(SYS_pidfd_getfd, process, 0, 0));
}

static enum outcome compare_processes(void) { return done(syscall(SYS_kcmp, getpid(), getpid(), 1, 0, 0)); }
static enum outcome add_key(void) { return done(syscall(SYS_add_key, "user", "osaurus-probe", "x", 1, -2)); }
static enum outcome session_keys(void) { return done(syscall(SYS_keyctl, 0, -3, 1)); }
static enum outcome request_key(void) {
  long answer = syscall(SYS_request_key, "user", "osaurus-probe-none", 0, -2);
  return answer < 0 && errno == ENOSYS ? STOPPED : ESCAPED;
}
static enum outcome load_program(void) { return reached(syscall(SYS_bpf, 0, 0, 0)); }
static enum outcome count_events(void) {
  uint64_t attributes[16] = {1 | (uint64_t)sizeof(uint64_t[16]) << 32, 0};
  long answer = syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
  return answer < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES) ? STOPPED : ESCAPED;
}
static enum outcome ring(void) {
  char parameters[120] = {0};
  return reached(syscall(SYS_io_uring_setup, 1, parameters));
}
static enum outcome user_faults(void) { return done(syscall(SYS_userfaultfd, 1 /* user mode only */)); }
static enum outcome load_module(void) { return reached(syscall(SYS_finit_module, -1, "", 0)); }
static enum outcome load_kernel(void) { return reached(syscall(SYS_kexec_load, 0, 17, 0, 0)); }
static enum outcome restart_machine(void) { return reached(syscall(SYS_reboot, 0, 0, 0, 0)); }
static enum outcome swap_on(void) { return reached(syscall(SYS_swapon, 0, 0)); }
static enum outcome set_clock(void) {
  struct timespec wrong = {0, -1};
  return reached(syscall(SYS_clock_settime, CLOCK_REALTIME, &wrong));
}
static enum outcome adjust_clock(void) {
  struct timex nothing = {0};
  return reached(adjtimex(&nothing));
}
static enum outcome name_machine(void) {
  char name[256];
  if (gethostname(name, sizeof name) != 0) return NOT_APPLICABLE;
  return done(sethostname(name, strlen(name)));
}
static enum outcome kernel_log(void) {
  char line[64];
  return done(syscall(SYS_syslog, 3, line, sizeof line));
}
static enum outcome accounting(void) { return reached(syscall(SYS_acct, "/nowhere/at/all")); }
static enum outcome quota(void) { return reached(syscall(SYS_quotactl, 0x80000100, 0, 0, 0)); }
static enum outcome predictable_addresses(void) { return done(personality(ADDR_NO_RANDOMIZE)); }
static enum outcome listen_to_filter(void) {
  struct sock_filter allow = {0x06, 0, 0, 0x7fff0000};
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return done(syscall(SYS_seccomp, 1, 8 /* new listener */, &program));
}
static enum outcome run_from_memory(void) { return done(memfd_create("x", 0)); }
static enum outcome secret_memory(void) {
  long answer = syscall(447 /* memfd_secret */, 0);
  return answer < 0 && errno == ENOSYS ? STOPPED : ESCAPED;
}

static enum outcome push_key(unsigned long request) {
  char key = 'x';
  errno = 0;
  long answer = syscall(SYS_ioctl, 0, request, &key);
  // Without a terminal the kernel says that there is none; what counts is whether it was asked.
  return answer < 0 && errno == EPERM ? STOPPED : ESCAPED;
}
static enum outcome type_for_another(void) { return push_key(0x5412); }
static enum outcome type_with_high_bits(void) { return push_key(0x100005412UL); }
static enum outcome paste_console(void) { return push_key(0x541C); }
static enum outcome take_console(void) { return push_key(0x541D); }

static enum outcome other_calling_convention(void) {
#if defined(__x86_64__)
  pid_t child = fork();
  if (child == 0) {
    long answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    _exit(answer == getpid() ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ESCAPED : STOPPED;
#else
  return NOT_APPLICABLE;
#endif
}

static enum outcome legacy_events(void) {
  unsigned long context = 0;
  return done(syscall(SYS_io_setup, 1, &context));
}

const struct attempt KERNEL_ATTEMPTS[] = {
    {"make-a-user-namespace", try_unshare_users},
    {"make-a-mount-namespace", try_unshare_mounts},
    {"make-a-network-namespace", try_unshare_network},
    {"clone-into-a-user-namespace", try_clone_users},
    {"clone3-into-a-user-namespace", try_clone3_users},
    {"enter-the-namespace-of-the-first-process", try_enter},
    {"mount-a-file-system", try_mount},
    {"mount-a-folder-elsewhere", try_bind},
    {"unmount-a-folder", try_unmount},
    {"mount-the-root-writable", try_remount},
    {"change-the-root", try_change_root},
    {"pivot-the-root", try_pivot},
    {"clone-a-mount", new_mount_calls},
    {"open-a-file-system", open_file_system},
    {"trace-a-process", trace_child},
    {"read-the-memory-of-a-process", read_other_memory},
    {"take-a-descriptor-of-a-process", take_descriptor},
    {"compare-kernel-addresses", compare_processes},
    {"add-a-key", add_key},
    {"join-a-session-keyring", session_keys},
    {"request-a-key", request_key},
    {"load-a-bpf-program", load_program},
    {"count-hardware-events", count_events},
    {"set-up-an-io-ring", ring},
    {"handle-page-faults", user_faults},
    {"load-a-kernel-module", load_module},
    {"load-another-kernel", load_kernel},
    {"restart-the-machine", restart_machine},
    {"turn-swap-on", swap_on},
    {"set-the-clock", set_clock},
    {"adjust-the-clock", adjust_clock},
    {"rename-the-machine", name_machine},
    {"read-the-kernel-log", kernel_log},
    {"turn-accounting-on", accounting},
    {"change-quotas", quota},
    {"make-addresses-predictable", predictable_addresses},
    {"listen-to-a-filter", listen_to_filter},
    {"run-from-memory", run_from_memory},
    {"hide-memory", secret_memory},
    {"type-for-another-program", type_for_another},
    {"type-with-high-bits-set", type_with_high_bits},
    {"paste-into-the-console", paste_console},
    {"take-the-console", take_console},
    {"call-as-a-32-bit-program", other_calling_convention},
    {"set-up-legacy-io", legacy_events},
    {0},
};
