#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void rest(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static enum outcome many_processes(void) {
  long wanted = bait_number("BAIT_PROCESSES") + 20, made = 0;
  for (; made < wanted; made++) {
    pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      pause();
      _exit(0);
    }
  }
  // Time for whoever counts.
  rest(500);
  signal(SIGTERM, SIG_IGN);
  if (getpgrp() == getpid()) kill(0, SIGTERM);
  return made == wanted ? ESCAPED : STOPPED;
}

static void *idle(void *nothing) {
  pause();
  return nothing;
}

static enum outcome many_threads(void) {
  long wanted = bait_number("BAIT_PROCESSES") + 20;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  for (long i = 0; i < wanted; i++) {
    pthread_t thread;
    if (pthread_create(&thread, &small, idle, NULL) != 0) return STOPPED;
  }
  rest(500);
  return ESCAPED;
}

static enum outcome take(int flags, size_t size) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return STOPPED;
  for (size_t i = 0; i < size; i += 4096) memory[i] = 1;
  rest(500);
  return ESCAPED;
}

static size_t too_much(void) { return (size_t)bait_number("BAIT_MEMORY") * 2; }
static enum outcome own_memory(void) { return take(MAP_PRIVATE, too_much()); }
static enum outcome shared_mapping(void) { return take(MAP_SHARED, too_much()); }

static enum outcome memory_of_many(void) {
  size_t each = (size_t)bait_number("BAIT_MEMORY") / 2;
  pid_t children[4];
  for (int i = 0; i < 4; i++) {
    children[i] = fork();
    if (children[i] == 0) _exit(take(MAP_PRIVATE, each));
  }
  enum outcome outcome = ESCAPED;
  for (int i = 0; i < 4; i++) {
    int status;
    waitpid(children[i], &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != ESCAPED) outcome = STOPPED;
  }
  return outcome;
}

static enum outcome locked_memory(void) {
  size_t size = 64 << 20;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? STOPPED : done(mlock(memory, size));
}

static enum outcome fill(const char *path, long size) {
  static char block[64 << 10];
  signal(SIGXFSZ, SIG_IGN);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) return STOPPED;
  enum outcome outcome = ESCAPED;
  for (long written = 0; written < size && outcome == ESCAPED; written += (long)sizeof block)
    if (write(file, block, sizeof block) != sizeof block) outcome = STOPPED;
  close(file);
  unlink(path);
  return outcome;
}

// In pieces, each below the limit of one file.
static enum outcome fill_many(const char *folder, long size) {
  long piece = bait_number("BAIT_FILE_SIZE") / 2;
  enum outcome outcome = ESCAPED;
  char path[128];
  int count = 0;
  static char block[64 << 10];
  for (long left = size; left > 0 && outcome == ESCAPED; left -= piece) {
    snprintf(path, sizeof path, "%s/.probe-%d", folder, count++);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) outcome = STOPPED;
    for (long written = 0; written < piece && outcome == ESCAPED; written += (long)sizeof block)
      if (write(file, block, sizeof block) != sizeof block) outcome = STOPPED;
    if (file >= 0) close(file);
  }
  while (count-- > 0) {
    snprintf(path, sizeof path, "%s/.probe-%d", folder, count);
    unlink(path);
  }
  return outcome;
}

static enum outcome temporary_files(void) { return fill_many("/tmp", bait_number("BAIT_TEMPORARY") * 2); }
static enum outcome shared_files(void) { return fill_many("/dev/shm", bait_number("BAIT_TEMPORARY") * 2); }
static enum outcome large_file(void) { return fill("large", bait_number("BAIT_FILE_SIZE") * 2); }

static enum outcome sparse_file(void) {
  signal(SIGXFSZ, SIG_IGN);
  int file = open("sparse", O_WRONLY | O_CREAT, 0600);
  if (file < 0) return NOT_APPLICABLE;
  enum outcome outcome = done(ftruncate(file, bait_number("BAIT_FILE_SIZE") * 2));
  close(file);
  unlink("sparse");
  return outcome;
}

static enum outcome many_files(void) {
  long wanted = bait_number("BAIT_OPEN_FILES") + 20;
  for (long i = 0; i < wanted; i++)
    if (dup(0) < 0) return STOPPED;
  return ESCAPED;
}

static enum outcome processor_time(void) {
  // A processor's time, not the clock's: another program may be running meanwhile.
  clock_t end = clock() + (bait_number("BAIT_PROCESSOR_SECONDS") + 2) * CLOCKS_PER_SEC;
  signal(SIGXCPU, SIG_IGN);
  volatile unsigned long work = 0;
  while (clock() < end) work++;
  return ESCAPED;
}

static enum outcome core_dump(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max > 0 ? ESCAPED : STOPPED;
}

static enum outcome raise_limits(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max > (rlim_t)bait_number("BAIT_OPEN_FILES") ? ESCAPED : STOPPED;
}

const struct attempt EXHAUSTION_ATTEMPTS[] = {
    {"start-too-many-processes", many_processes},
    {"start-too-many-threads", many_threads},
    {"take-too-much-memory", own_memory},
    {"take-too-much-shared-memory", shared_mapping},
    {"take-too-much-memory-in-many-processes", memory_of_many},
    {"lock-too-much-memory", locked_memory},
    {"fill-the-temporary-folder", temporary_files},
    {"fill-the-shared-memory-folder", shared_files},
    {"write-too-large-a-file", large_file},
    {"make-too-large-a-sparse-file", sparse_file},
    {"open-too-many-files", many_files},
    {"take-too-much-processor-time", processor_time},
    {"leave-a-core-dump", core_dump},
    {"have-higher-limits", raise_limits},
    {0},
};
