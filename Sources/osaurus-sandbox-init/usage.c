#define _GNU_SOURCE
#include "plan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

// The numbers of threads and of resident pages of one process: fields 20 and 24 of its `stat` (proc_pid_stat(5)). Its name,
// which it chose itself, ends at the last closing parenthesis.
static int look(const char *process, uint64_t *threads, uint64_t *pages) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%.20s/stat", process);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t count = read(file, line, sizeof line - 1);
  close(file);
  if (count <= 0) return 0;
  line[count] = 0;
  char *rest = strrchr(line, ')');
  if (rest == NULL) return 0;
  unsigned long long thread_count = 0;
  long long resident = 0;
  int found = sscanf(
      rest + 1,
      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %llu %*d %*u %*u %lld",
      &thread_count, &resident);
  if (found != 2) return 0;
  *threads = thread_count;
  *pages = resident > 0 ? (uint64_t)resident : 0;
  return 1;
}

// Memory that is shared, and so counted once for every process above: what is proportionally this process's.
static uint64_t proportional(const char *process, uint64_t resident) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%.20s/smaps_rollup", process);
  FILE *file = fopen(path, "re");
  if (file == NULL) return resident;
  unsigned long long kibibytes = 0;
  int found = 0;
  while (!found && fgets(line, sizeof line, file) != NULL) found = sscanf(line, "Pss: %llu", &kibibytes) == 1;
  fclose(file);
  return found ? (uint64_t)kibibytes << 10 : resident;
}

static uint64_t files_in_memory(void) {
  static const char *const places[] = {"/tmp", "/dev/shm"};
  uint64_t bytes = 0;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    struct statvfs space;
    if (statvfs(places[i], &space) == 0) bytes += (space.f_blocks - space.f_bfree) * space.f_frsize;
  }
  return bytes;
}

static struct usage counted(const struct plan *plan, int exactly) {
  struct usage usage = {0, files_in_memory()};
  DIR *processes = opendir("/proc");
  if (processes == NULL) return usage;
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  const struct dirent *entry;
  while ((entry = readdir(processes)) != NULL) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    uint64_t threads, pages;
    if (!look(entry->d_name, &threads, &pages)) continue;
    usage.processes += threads;
    usage.memory += exactly ? proportional(entry->d_name, pages * page) : pages * page;
    if (plan->most_processes != 0 && usage.processes > plan->most_processes) break;
  }
  closedir(processes);
  return usage;
}

struct usage usage_now(const struct plan *plan) {
  struct usage usage = counted(plan, 0);
  // Libraries that many processes share are counted for each; only when that is too much is it worth a closer look.
  if (plan->most_memory != 0 && usage.memory > plan->most_memory) {
    struct usage closer = counted(plan, 1);
    if (usage.processes < closer.processes) usage.processes = closer.processes;
    usage.memory = closer.memory;
  }
  return usage;
}
