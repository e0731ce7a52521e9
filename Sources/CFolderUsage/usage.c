#define _GNU_SOURCE
#include "CFolderUsage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

// The folders on the way to where the count is, each of them open: whatever is renamed or replaced meanwhile, it stays within.
struct cfu_count {
  DIR *way[CFU_DEEPEST];
  int depth;
  uint64_t bytes;
};

static DIR *opened(int parent, const char *name) {
  int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (folder < 0) return NULL;
  DIR *list = fdopendir(folder);
  if (list == NULL) close(folder);
  return list;
}

struct cfu_count *cfu_begin(const char *folder) {
  struct cfu_count *count = calloc(1, sizeof *count);
  if (count == NULL) return NULL;
  count->way[0] = opened(AT_FDCWD, folder);
  if (count->way[0] == NULL) {
    free(count);
    return NULL;
  }
  count->depth = 1;
  return count;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

// Counts one name, and goes into it where it is a folder.
static void take(struct cfu_count *count, const char *name) {
  if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) return;
  DIR *here = count->way[count->depth - 1];
  struct stat status;
  count->bytes += CFU_BYTES_OF_A_NAME;
  if (fstatat(dirfd(here), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  uint64_t taken = (uint64_t)status.st_blocks * 512u;
  int is_folder = S_ISDIR(status.st_mode);
  count->bytes += is_folder || status.st_nlink < 2 ? taken : taken / status.st_nlink;
  if (!is_folder || count->depth == CFU_DEEPEST) return;
  DIR *inner = opened(dirfd(here), name);
  if (inner != NULL) count->way[count->depth++] = inner;
}

int cfu_go_on(struct cfu_count *count, uint64_t microseconds) {
  uint64_t end = now() + microseconds;
  while (count->depth > 0) {
    for (int names = 0; names < 64 && count->depth > 0; names++) {
      const struct dirent *entry = readdir(count->way[count->depth - 1]);
      if (entry == NULL) {
        closedir(count->way[--count->depth]);
        continue;
      }
      take(count, entry->d_name);
    }
    if (count->depth > 0 && now() >= end) return 0;
  }
  return 1;
}

uint64_t cfu_bytes(const struct cfu_count *count) { return count->bytes; }

void cfu_end(struct cfu_count *count) {
  if (count == NULL) return;
  while (count->depth > 0) closedir(count->way[--count->depth]);
  free(count);
}

uint64_t cfu_taken_on_disk(const char *folder) {
  struct statvfs space;
  if (statvfs(folder, &space) != 0) return 0;
  return (uint64_t)(space.f_blocks - space.f_bfree) * space.f_frsize;
}
