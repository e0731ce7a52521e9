#define _GNU_SOURCE
#include "CIsolation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

_Static_assert(O_PATH == 010000000, "OSR_PLACE");

static int open_how(int root, const char *path, int flags, uint32_t mode, uint64_t resolve) {
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = resolve};
  int file;
  // The kernel gives up when something was renamed in the middle of its way; that is no answer.
  int tries = 0;
  do file = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
  while (file < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < 64);
  return file < 0 ? -errno : file;
}

int osr_open_beneath(int root, const char *path, int flags, uint32_t mode) {
  return open_how(root, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
}

int osr_open_folder(const char *path) {
  return open_how(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
}

int osr_landlock_version(void) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
  return version < 0 ? -errno : (int)version;
}

int osr_is_delegated(const char *group) {
  static const char *const names[] = {"user.delegate", "trusted.delegate"};
  for (int i = 0; i < 2; i++) {
    char value = 0;
    if (getxattr(group, names[i], &value, 1) == 1 && value == '1') return 1;
  }
  return 0;
}

int osr_try_user_namespace(void) {
  // A plain process of its own, which does nothing but be there.
  long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  if (child < 0) return errno;
  while (waitpid((pid_t)child, NULL, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

int osr_rename(int from, const char *name, int to, const char *new_name, int how) {
  unsigned int flags = how == OSR_EXCHANGE ? 2 /* RENAME_EXCHANGE */ : how == OSR_KEEP ? 1 /* RENAME_NOREPLACE */ : 0;
  return syscall(SYS_renameat2, from, name, to, new_name, flags) < 0 ? errno : 0;
}
