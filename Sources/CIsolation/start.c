#define _GNU_SOURCE
#include "CIsolation.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

// Runs in the memory of the parent, which stands still meanwhile: no allocation, no locks, nothing but system calls.
static int become(const struct osr_start_request *start) {
  struct sigaction plain = {.sa_handler = SIG_DFL};
  for (int number = 1; number < 65; number++) sigaction(number, &plain, NULL);
  if (setsid() < 0) return errno;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return errno;
  if (start->cgroup >= 0 && write(start->cgroup, "0", 1) != 1) return errno;
  // Where memory runs out, the kernel is to take from here first.
  int badness = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (badness >= 0) {
    ssize_t ignored = write(badness, "500", 3);
    (void)ignored;
  }
  // Above all of them they wait to become 0, 1, 2 …, so that none is overwritten before its turn.
  int above = start->descriptor_count;
  for (int i = 0; i < start->descriptor_count; i++)
    if (start->descriptors[i] >= above) above = start->descriptors[i] + 1;
  for (int i = 0; i < start->descriptor_count; i++)
    if (dup2(start->descriptors[i], above + i) < 0) return errno;
  for (int i = 0; i < start->descriptor_count; i++)
    if (dup2(above + i, i) < 0) return errno;
  if (syscall(SYS_close_range, (unsigned)start->descriptor_count, ~0U, 0) != 0) return errno;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(start->program, start->arguments, start->environment);
  return errno;
}

int osr_start(const struct osr_start_request *start, pid_t *process, int *pidfd) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile int error = 0;
  pid_t child = vfork();
  if (child == 0) {
    error = become(start);
    _exit(127);
  }
  if (child < 0) error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (child < 0) return error;
  if (error == 0) {
    // It cannot have been taken by anybody else, so its number is its own still.
    *pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    if (*pidfd < 0) {
      error = errno;
      kill(child, SIGKILL);
    }
  }
  if (error != 0) {
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return error;
  }
  *process = child;
  return 0;
}

void osr_block_signals(void) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
}

int osr_collect(pid_t process, int wait, int *status) {
  pid_t taken;
  do taken = waitpid(process, status, wait ? 0 : WNOHANG);
  while (taken < 0 && errno == EINTR);
  return taken < 0 ? -errno : taken == process;
}

int osr_kill(int pidfd) { return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0 ? 0 : errno; }

int osr_packet_pair(int ends[2]) {
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
}

ssize_t osr_receive(int connection, void *bytes, size_t size, int *descriptor) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec place = {bytes, size};
  struct msghdr message = {
      .msg_iov = &place, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  *descriptor = -1;
  ssize_t count = recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return -errno;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int)))
    memcpy(descriptor, CMSG_DATA(header), sizeof(int));
  return count;
}

int osr_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno; }

int osr_memory_file(const char *name) {
  int file = memfd_create(name, MFD_CLOEXEC);
  return file < 0 ? -errno : file;
}

int osr_duplicate(int descriptor, int minimum) {
  int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, minimum);
  return copy < 0 ? -errno : copy;
}

int osr_terminal(int *controller, int *terminal, uint16_t columns, uint16_t rows) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return errno;
  char name[64];
  int slave = -1, error = 0;
  if (grantpt(master) != 0 || unlockpt(master) != 0 || (error = ptsname_r(master, name, sizeof name)) != 0 ||
      (slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
    if (error == 0) error = errno;
    close(master);
    return error;
  }
  error = osr_resize(master, columns, rows);
  if (error != 0) {
    close(master);
    close(slave);
    return error;
  }
  *controller = master;
  *terminal = slave;
  return 0;
}

int osr_resize(int controller, uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  return ioctl(controller, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

int osr_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : errno;
}

int osr_wake_counter(void) {
  int counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return counter < 0 ? -errno : counter;
}
