#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static enum outcome readable(const char *path) { return opened(open(path, O_RDONLY | O_NONBLOCK)); }

static enum outcome read_bait(void) { return readable(bait("BAIT_FILE")); }
static enum outcome read_other_agent(void) { return readable(bait("BAIT_OTHER_AGENT")); }
static enum outcome read_host_etc(void) { return readable("/etc/os-release"); }
static enum outcome read_system_folder(void) { return readable("/sys/kernel"); }
static enum outcome read_kernel_log(void) { return readable("/dev/kmsg"); }
static enum outcome read_kernel_memory(void) { return readable("/proc/kcore"); }

static enum outcome write_beside_bait(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.written", bait("BAIT_FILE"));
  return opened(open(path, O_WRONLY | O_CREAT, 0600));
}

static enum outcome truncate_bait(void) { return done(truncate(bait("BAIT_SPARE"), 0)); }

static enum outcome symbolic_link(void) {
  unlink("way-out");
  if (symlink(bait("BAIT_FILE"), "way-out") != 0) return NOT_APPLICABLE;
  enum outcome outcome = readable("way-out");
  unlink("way-out");
  return outcome;
}

static enum outcome hard_link(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.link", bait("BAIT_FILE"));
  return done(link(bait("BAIT_FILE"), path));
}

static enum outcome parent_folders(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "../../../../../../../../../../../..%s", bait("BAIT_FILE"));
  return readable(path);
}

static enum outcome through(const char *prefix) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s%s", prefix, bait("BAIT_FILE"));
  return readable(path);
}

static enum outcome root_of_first(void) {
  char prefix[64];
  snprintf(prefix, sizeof prefix, "/proc/%ld/root", bait_number("BAIT_FIRST"));
  return through(prefix);
}
static enum outcome own_root(void) { return through("/proc/self/root"); }
static enum outcome folder_of_parent(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "/proc/%d/root%s", getppid(), bait("BAIT_FILE"));
  return readable(path);
}

static enum outcome open_descriptors(void) {
  for (int descriptor = 3; descriptor < 4096; descriptor++)
    if (fcntl(descriptor, F_GETFD) >= 0) return ESCAPED;
  return STOPPED;
}

static enum outcome written(const char *path) { return opened(open(path, O_WRONLY)); }

static enum outcome core_pattern(void) { return written("/proc/sys/kernel/core_pattern"); }
static enum outcome modprobe_path(void) { return written("/proc/sys/vm/overcommit_memory"); }
static enum outcome system_request(void) { return written("/proc/sysrq-trigger"); }
static enum outcome out_of_memory_score(void) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY);
  return file >= 0 && write(file, "0", 1) == 1 ? ESCAPED : STOPPED;
}

static enum outcome made(const char *path) {
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (file >= 0) unlink(path);
  return opened(file);
}

static enum outcome write_programs(void) { return made("/usr/bin/.osaurus-probe"); }
static enum outcome write_etc(void) { return made("/etc/.osaurus-probe"); }
static enum outcome write_root(void) { return made("/.osaurus-probe"); }
static enum outcome write_devices(void) { return made("/dev/.osaurus-probe"); }
static enum outcome write_run(void) { return made("/run/.osaurus-probe"); }

static enum outcome make_device(void) {
  int answer = mknod("/tmp/.osaurus-device", S_IFBLK | 0600, makedev(7, 0));
  if (answer == 0) unlink("/tmp/.osaurus-device");
  return done(answer);
}

static enum outcome has_entries(const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) return STOPPED;
  const struct dirent *entry;
  int count = 0;
  while ((entry = readdir(folder)) != NULL) count += entry->d_name[0] != '.';
  closedir(folder);
  return count > 0 ? ESCAPED : STOPPED;
}

static enum outcome list_homes(void) {
  return opened(open("/root", O_PATH)) == ESCAPED || opened(open("/home", O_PATH)) == ESCAPED ? ESCAPED : STOPPED;
}
static enum outcome list_run(void) { return has_entries("/run"); }
static enum outcome list_logs(void) { return opened(open("/var/log", O_PATH)); }
static enum outcome list_agents(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", bait("BAIT_OTHER_AGENT"));
  *strrchr(path, '/') = 0;
  return has_entries(path);
}

static enum outcome open_by_handle(void) {
  struct {
    struct file_handle handle;
    char room[MAX_HANDLE_SZ];
  } buffer = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
  int mount_id;
  if (name_to_handle_at(AT_FDCWD, "/", &buffer.handle, &mount_id, 0) != 0 && errno == ENOSYS) return STOPPED;
  int root = open("/", O_RDONLY);
  return reached(open_by_handle_at(root, &buffer.handle, O_RDONLY));
}

static enum outcome watch_everything(void) { return done(syscall(SYS_fanotify_init, 0, O_RDONLY)); }

// A folder that is exchanged for a link while it is walked through.
static enum outcome link_race(void) {
  char inner[PATH_MAX];
  const char *target = bait("BAIT_FOLDER");
  mkdir("race", 0700);
  snprintf(inner, sizeof inner, "race-link/bait");
  unlink("race-link");
  if (symlink(target, "race-link") != 0) return NOT_APPLICABLE;
  enum outcome outcome = STOPPED;
  for (int i = 0; i < 200 && outcome == STOPPED; i++) {
    renameat2(AT_FDCWD, "race", AT_FDCWD, "race-link", RENAME_EXCHANGE);
    outcome = readable(i % 2 ? inner : "race/bait");
  }
  unlink("race-link");
  unlink("race");
  return outcome;
}

static enum outcome change_owner(void) {
  int file = open("owned", O_WRONLY | O_CREAT, 0600);
  if (file < 0) return NOT_APPLICABLE;
  enum outcome outcome = done(fchown(file, 12345, 12345));
  close(file);
  unlink("owned");
  return outcome;
}

const struct attempt FILE_ATTEMPTS[] = {
    {"read-a-file-of-the-owner", read_bait},
    {"read-another-agents-token", read_other_agent},
    {"list-other-agents", list_agents},
    {"read-the-hosts-settings", read_host_etc},
    {"read-the-system-tree", read_system_folder},
    {"read-the-kernel-log-device", read_kernel_log},
    {"read-kernel-memory", read_kernel_memory},
    {"write-a-file-of-the-owner", write_beside_bait},
    {"empty-a-file-of-the-owner", truncate_bait},
    {"follow-a-symbolic-link-out", symbolic_link},
    {"make-a-hard-link-outside", hard_link},
    {"climb-parent-folders", parent_folders},
    {"go-through-the-root-of-the-first-process", root_of_first},
    {"go-through-the-own-root", own_root},
    {"go-through-the-root-of-the-parent", folder_of_parent},
    {"find-a-leaked-descriptor", open_descriptors},
    {"change-what-handles-core-dumps", core_pattern},
    {"change-a-setting-of-the-kernel", modprobe_path},
    {"pull-the-system-request-trigger", system_request},
    {"hide-from-the-out-of-memory-killer", out_of_memory_score},
    {"add-a-program-to-the-system", write_programs},
    {"add-a-file-to-the-settings", write_etc},
    {"add-a-file-to-the-root", write_root},
    {"add-a-file-to-the-devices", write_devices},
    {"add-a-file-to-the-runtime-folder", write_run},
    {"make-a-block-device", make_device},
    {"see-the-homes", list_homes},
    {"see-the-runtime-folder", list_run},
    {"see-the-logs", list_logs},
    {"open-a-file-by-its-handle", open_by_handle},
    {"watch-every-file", watch_everything},
    {"exchange-a-folder-for-a-link", link_race},
    {"give-a-file-away", change_owner},
    {0},
};
