#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

static pid_t victim(void) { return (pid_t)bait_number("BAIT_PROCESS"); }

// Processes inside may happen to have the same number.
static int is_victim(void) {
  char path[64], line[256] = {0};
  snprintf(path, sizeof path, "/proc/%d/cmdline", victim());
  int file = open(path, O_RDONLY);
  if (file < 0) return 0;
  ssize_t count = read(file, line, sizeof line - 1);
  close(file);
  return count > 0 && strncmp(line, "sleep", 5) == 0;
}

static enum outcome see(void) { return is_victim() ? ESCAPED : STOPPED; }
static enum outcome signal_process(void) { return is_victim() ? done(kill(victim(), 0)) : STOPPED; }
static enum outcome hold_process(void) { return is_victim() ? done(syscall(SYS_pidfd_open, victim(), 0)) : STOPPED; }
static enum outcome trace_process(void) {
  return is_victim() ? done(syscall(SYS_ptrace, 0x4206, victim(), 0, 0)) : STOPPED;
}
static enum outcome slow_process(void) {
  return is_victim() ? done(setpriority(PRIO_PROCESS, (id_t)victim(), 1)) : STOPPED;
}
static enum outcome limit_process(void) {
  struct rlimit limit;
  return is_victim() ? done(prlimit(victim(), RLIMIT_NOFILE, NULL, &limit)) : STOPPED;
}
static enum outcome read_environment(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/environ", victim());
  return is_victim() ? opened(open(path, O_RDONLY)) : STOPPED;
}
// The process that takes care of the sandbox, which holds the ends of what leads out.
static pid_t first(void) { return (pid_t)bait_number("BAIT_FIRST"); }
static enum outcome first_file(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", first(), name);
  return opened(open(path, O_RDONLY));
}
static enum outcome signal_first(void) { return done(kill(first(), 0)); }
static enum outcome first_memory(void) { return first_file("mem"); }
static enum outcome first_descriptors(void) {
  char path[64], target[256];
  snprintf(path, sizeof path, "/proc/%d/fd/0", first());
  return done(readlink(path, target, sizeof target));
}
static enum outcome first_environment(void) { return first_file("environ"); }
static enum outcome trace_first(void) { return done(syscall(SYS_ptrace, 0x4206, first(), 0, 0)); }

static enum outcome become_root(void) { return setresuid(0, 0, 0) == 0 ? ESCAPED : STOPPED; }
static enum outcome become_another(void) { return setresuid(12345, 12345, 12345) == 0 ? ESCAPED : STOPPED; }
static enum outcome join_groups(void) {
  gid_t group = 0;
  return done(syscall(SYS_setgroups, 1, &group));
}

static unsigned long long capabilities(const char *set) {
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) return 0;
  char line[256];
  unsigned long long bits = 0;
  size_t length = strlen(set);
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, set, length) == 0) sscanf(line + length, ":\t%llx", &bits);
  fclose(file);
  return bits;
}
static enum outcome have_capabilities(void) { return capabilities("CapEff") != 0 ? ESCAPED : STOPPED; }
static enum outcome bounding_capabilities(void) { return capabilities("CapBnd") != 0 ? ESCAPED : STOPPED; }
static enum outcome gain_privileges(void) {
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? ESCAPED : STOPPED;
}
static enum outcome no_filter(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  int mode = -1;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) sscanf(line, "Seccomp:\t%d", &mode);
  return mode == 0 ? ESCAPED : STOPPED;
}
static enum outcome go_first(void) { return done(setpriority(PRIO_PROCESS, 0, -10)); }
static enum outcome realtime(void) {
  struct sched_param first = {1};
  return done(sched_setscheduler(0, SCHED_FIFO, &first));
}
static enum outcome disk_first(void) { return done(syscall(SYS_ioprio_set, 1, 0, 1 << 13)); }

static enum outcome shared_memory(void) {
  int segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  if (segment >= 0) shmctl(segment, IPC_RMID, NULL);
  return done(segment);
}
static enum outcome other_shared_memory(void) { return done(shmget((key_t)bait_number("BAIT_SHARED_MEMORY"), 0, 0)); }
static enum outcome queue(void) {
  int number = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  if (number >= 0) msgctl(number, IPC_RMID, NULL);
  return done(number);
}
static enum outcome semaphores(void) {
  int number = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  if (number >= 0) semctl(number, 0, IPC_RMID);
  return done(number);
}
static enum outcome machine_name(void) {
  char name[256] = {0};
  gethostname(name, sizeof name - 1);
  return strcmp(name, "sandbox") != 0 ? ESCAPED : STOPPED;
}
static enum outcome control_groups(void) {
  FILE *file = fopen("/proc/self/cgroup", "r");
  char line[512];
  enum outcome outcome = STOPPED;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    const char *path = strrchr(line, ':');
    if (path != NULL && strcmp(path, ":/\n") != 0) outcome = ESCAPED;
  }
  return outcome;
}

const struct attempt PROCESS_ATTEMPTS[] = {
    {"see-a-process-of-the-owner", see},
    {"signal-a-process-of-the-owner", signal_process},
    {"hold-a-process-of-the-owner", hold_process},
    {"trace-a-process-of-the-owner", trace_process},
    {"slow-a-process-of-the-owner", slow_process},
    {"read-the-limits-of-a-process-of-the-owner", limit_process},
    {"read-the-environment-of-a-process-of-the-owner", read_environment},
    {"signal-the-first-process", signal_first},
    {"read-the-memory-of-the-first-process", first_memory},
    {"read-the-descriptors-of-the-first-process", first_descriptors},
    {"read-the-environment-of-the-first-process", first_environment},
    {"trace-the-first-process", trace_first},
    {"become-root", become_root},
    {"become-another-user", become_another},
    {"join-another-group", join_groups},
    {"have-capabilities", have_capabilities},
    {"keep-capabilities-for-later", bounding_capabilities},
    {"gain-privileges-by-running-a-program", gain_privileges},
    {"run-without-a-filter", no_filter},
    {"run-before-all-others", go_first},
    {"run-in-real-time", realtime},
    {"use-the-disk-before-all-others", disk_first},
    {"make-shared-memory", shared_memory},
    {"find-shared-memory-of-the-owner", other_shared_memory},
    {"make-a-message-queue", queue},
    {"make-semaphores", semaphores},
    {"see-the-name-of-the-machine", machine_name},
    {"see-the-control-group", control_groups},
    {0},
};
