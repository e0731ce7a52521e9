// The first process of a sandbox, and the parent of the command in it. It takes away what bubblewrap does not (Landlock,
// resource limits), starts the command in a session of its own, collects what ends, and takes everything down with the
// command, when it is told to, or when whoever started the sandbox is gone.
//
//   osaurus-sandbox-init PLAN CONTROL      two open descriptors: a memory file, and a socket of packets
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// What went wrong before the command ran, and the answer's first letter.
enum stage { STAGE_NONE = 0, STAGE_FOLDER = 'C', STAGE_LIMITS = 'R', STAGE_LANDLOCK = 'L', STAGE_PROGRAM = 'X', STAGE_SESSION = 'S', STAGE_PROXY = 'N' };

struct mishap {
  int32_t stage, error;
};

// The one answer, as the other side reads it.
struct report {
  uint8_t kind;   // 'E' ended, 'F' could not be started
  uint8_t reason; // 0, or the limit that ended it: 'M' memory, 'P' processes, 'D' disk, 'H' home
  uint8_t stage;
  uint8_t padding;
  int32_t code;   // exit code, or an errno
  int32_t signal; // what ended the command, or 0
  uint32_t unused;
  uint64_t cpu_microseconds;
  uint64_t most_resident_bytes;
};

enum { WATCH_MILLISECONDS = 50 };

static int enter(const struct plan *plan, struct mishap *mishap) {
  mishap->stage = STAGE_SESSION;
  if (setsid() < 0) return errno;
  if (plan->terminal && ioctl(0, TIOCSCTTY, 0) != 0) return errno;
  mishap->stage = STAGE_FOLDER;
  if (plan->folder != NULL && chdir(plan->folder) != 0) return errno;
  mishap->stage = STAGE_LANDLOCK;
  if (plan->has_ruleset) {
    int error = landlock_enforce(plan);
    if (error != 0) return error;
  }
  mishap->stage = STAGE_LIMITS;
  for (size_t i = 0; i < plan->limit_count; i++) {
    struct rlimit limit;
    // A limit that is lower already stays.
    if (getrlimit((int)plan->limits[i].resource, &limit) != 0) return errno;
    if (plan->limits[i].value < limit.rlim_max) limit.rlim_max = plan->limits[i].value;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit((int)plan->limits[i].resource, &limit) != 0) return errno;
  }
  return 0;
}

static _Noreturn void command(const struct plan *plan, int mishaps) {
  struct mishap mishap = {0};
  mishap.error = enter(plan, &mishap);
  if (mishap.error == 0) {
    // This process may not be looked into; what it becomes may.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    umask(022);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    environ = plan->variables;
    mishap.stage = STAGE_PROGRAM;
    execvp(plan->arguments[0], plan->arguments);
    mishap.error = errno;
  }
  ssize_t written = write(mishaps, &mishap, sizeof mishap);
  _exit(written == sizeof mishap ? 126 : 127);
}

// Takes what ended. Returns whether the command was among it.
static int collect(pid_t first, int *status, struct rusage *usage) {
  int ended = 0, state;
  struct rusage used;
  pid_t process;
  while ((process = wait4(-1, &state, WNOHANG, &used)) > 0) {
    if (process != first) continue;
    ended = 1;
    *status = state;
    *usage = used;
  }
  return ended;
}

static uint8_t excess(const struct plan *plan, struct home *home) {
  if (home_is_over(plan, home)) return 'H';
  if (plan->least_disk != 0 && plan->watched_disk != NULL) {
    struct statvfs space;
    if (statvfs(plan->watched_disk, &space) == 0 && space.f_bavail * space.f_frsize < plan->least_disk) return 'D';
  }
  if (plan->most_processes == 0 && plan->most_memory == 0) return 0;
  struct usage usage = usage_now(plan);
  if (plan->most_processes != 0 && usage.processes > plan->most_processes) return 'P';
  if (plan->most_memory != 0 && usage.memory > plan->most_memory) return 'M';
  return 0;
}

// Every process of this namespace but this one.
static void signal_all(int number) { kill(-1, number); }

static _Noreturn void answer(int control, const struct report *report) {
  signal_all(SIGKILL);
  // All are dead, and taken, before anybody hears of it.
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
  }
  send(control, report, sizeof *report, MSG_NOSIGNAL);
  _exit(0);
}

static void fill(struct report *report, int status, const struct rusage *usage) {
  report->kind = 'E';
  report->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  report->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  report->cpu_microseconds =
      (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000u +
      (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
  report->most_resident_bytes = (uint64_t)usage->ru_maxrss << 10;
}

int main(int count, char **words) {
  // Elsewhere, "every other process" would be more than a sandbox.
  if (count != 3 || getpid() != 1) return 125;
  int control = atoi(words[2]);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  struct plan plan = plan_read(atoi(words[1]));
  close(atoi(words[1]));
  fcntl(control, F_SETFD, FD_CLOEXEC);

  sigset_t blocked;
  sigfillset(&blocked);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  int endings = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (plan.proxy_port != 0) {
    int error = proxy_offer(control, plan.proxy_port);
    if (error != 0) {
      struct report report = {.kind = 'F', .stage = STAGE_PROXY, .code = error};
      answer(control, &report);
    }
  }
  int mishaps[2];
  if (endings < 0 || pipe2(mishaps, O_CLOEXEC) != 0) return 125;

  struct home home = home_begin(&plan);
  pid_t first = fork();
  if (first < 0) return 125;
  if (first == 0) command(&plan, mishaps[1]);
  close(mishaps[1]);
  // The command has the standard streams; this process keeps none of them open.
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int stream = 0; stream < 3 && nothing >= 0; stream++) dup2(nothing, stream);

  struct report report = {0};
  struct mishap mishap;
  ssize_t told;
  do told = read(mishaps[0], &mishap, sizeof mishap);
  while (told < 0 && errno == EINTR);
  if (told == sizeof mishap) {
    report.kind = 'F';
    report.stage = (uint8_t)mishap.stage;
    report.code = mishap.error;
    answer(control, &report);
  }
  close(mishaps[0]);
  send(control, "S", 1, MSG_NOSIGNAL);

  int watches = plan.most_processes != 0 || plan.most_memory != 0 || plan.least_disk != 0 || plan.most_home != 0;
  int status = 0;
  struct rusage usage = {0};
  struct timespec last = {0};
  clock_gettime(CLOCK_MONOTONIC, &last);
  for (;;) {
    struct pollfd awaited[2] = {{.fd = endings, .events = POLLIN}, {.fd = control, .events = POLLIN}};
    poll(awaited, 2, watches ? WATCH_MILLISECONDS : -1);
    struct signalfd_siginfo ignored;
    while (read(endings, &ignored, sizeof ignored) > 0) {
    }
    if (collect(first, &status, &usage)) {
      fill(&report, status, &usage);
      answer(control, &report);
    }
    if (awaited[1].revents != 0) {
      uint8_t order;
      ssize_t size = recv(control, &order, 1, MSG_DONTWAIT);
      // Whoever started this is gone, and with it everything here.
      if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        signal_all(SIGKILL);
        _exit(0);
      }
      if (size == 1 && order > 0 && order < 65) signal_all(order);
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long passed = (now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000;
    if (watches && passed >= WATCH_MILLISECONDS) {
      last = now;
      uint8_t reason = report.reason == 0 ? excess(&plan, &home) : 0;
      if (reason != 0) {
        report.reason = reason;
        signal_all(SIGKILL);
      }
    }
  }
}
