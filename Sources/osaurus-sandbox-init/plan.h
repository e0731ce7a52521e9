// What the first process of a sandbox is told to do: records of one letter, a 32-bit length and that many bytes, in a memory
// file that it reads once. `LaunchPlan` of Sources/Sandbox writes them.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
  PLAN_ARGUMENT = 'A',     // a word of the command
  PLAN_VARIABLE = 'E',     // NAME=value
  PLAN_FOLDER = 'C',       // the working directory
  PLAN_LIMIT = 'R',        // u32 resource, u64 value
  PLAN_FILE_RULE = 'F',    // u64 Landlock rights, then the path
  PLAN_PORT_RULE = 'N',    // u64 Landlock rights, u64 TCP port
  PLAN_PROXY = 'P',        // u64 TCP port on loopback, of which the listening socket is handed over
  PLAN_RULESET = 'L',      // u64 files, u64 network, u64 scopes: what Landlock handles
  PLAN_WATCH = 'W',        // u64 processes, u64 bytes of memory, u64 bytes that stay free on disk; 0 is no limit
  PLAN_WATCHED_DISK = 'D', // a folder on the disk that is not to be filled
  PLAN_HOME = 'H',         // u64 bytes that the home may take, then the home
  PLAN_TERMINAL = 'T',     // standard input is a terminal, and becomes the controlling one
};

struct file_rule {
  uint64_t rights;
  const char *path;
};

struct port_rule {
  uint64_t rights, port;
};

struct limit {
  uint32_t resource;
  uint64_t value;
};

struct plan {
  char **arguments;
  char **variables;
  const char *folder;
  struct limit *limits;
  size_t limit_count;
  struct file_rule *rules;
  size_t rule_count;
  struct port_rule *port_rules;
  size_t port_rule_count;
  int has_ruleset;
  uint64_t handled_files, handled_network, scoped;
  uint64_t most_processes, most_memory, least_disk;
  const char *watched_disk;
  uint64_t most_home;
  const char *home;
  int terminal;
  uint64_t proxy_port;
};

/// Reads the plan in `descriptor`, or ends this process. What it points to stays for good.
struct plan plan_read(int descriptor);

/// Takes from this process what the rules of the plan do not name.
/// - Returns: 0, or an errno.
int landlock_enforce(const struct plan *plan);

/// Listens on `port` of loopback, and gives the socket to the other end of `control`; none of it stays here.
/// - Returns: 0, or an errno.
int proxy_offer(int control, uint64_t port);

/// What the processes of this sandbox take together.
struct usage {
  uint64_t processes, memory;
};

/// Counts the processes and their memory, and stops early when either is over its limit.
struct usage usage_now(const struct plan *plan);

/// What is known of the home.
struct home {
  struct cfu_count *count;
  uint64_t counts;
  // What it may take now, and what was taken on the whole disk when the command began.
  uint64_t bound, taken;
};

/// Before the command begins.
struct home home_begin(const struct plan *plan);

/// Counts the home a little further.
/// - Returns: whether it was found to be over its limit.
int home_is_over(const struct plan *plan, struct home *home);
