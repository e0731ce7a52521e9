#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The headers of the oldest system that this builds on know only the first of these fields (landlock(7)).
struct ruleset {
  uint64_t files, network, scoped;
};

struct path_rule {
  uint64_t rights;
  int32_t parent;
} __attribute__((packed));

// `struct landlock_net_port_attr` is `struct port_rule`.
enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };

// What can be permitted for a file that is no folder: run, write, read, truncate, device calls.
static const uint64_t FILE_RIGHTS = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 14 | 1u << 15;

static int add(int ruleset, const struct file_rule *rule, uint64_t handled) {
  int place = open(rule->path, O_PATH | O_CLOEXEC);
  // What this sandbox does not have needs no permission.
  if (place < 0) return errno == ENOENT ? 0 : errno;
  struct stat status;
  int error = fstat(place, &status) == 0 ? 0 : errno;
  struct path_rule body = {.rights = rule->rights & handled, .parent = place};
  if (error == 0 && !S_ISDIR(status.st_mode)) body.rights &= FILE_RIGHTS;
  if (error == 0 && body.rights != 0 &&
      syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &body, 0) != 0)
    error = errno;
  close(place);
  return error;
}

int landlock_enforce(const struct plan *plan) {
  struct ruleset wanted = {plan->handled_files, plan->handled_network, plan->scoped};
  // An older kernel refuses fields that it does not know, unless they are left out.
  size_t size = plan->scoped != 0 ? 24 : plan->handled_network != 0 ? 16 : 8;
  int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
  if (ruleset < 0) return errno;
  int error = 0;
  for (size_t i = 0; i < plan->rule_count && error == 0; i++)
    error = add(ruleset, &plan->rules[i], plan->handled_files);
  for (size_t i = 0; i < plan->port_rule_count && plan->handled_network != 0 && error == 0; i++)
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &plan->port_rules[i], 0) != 0) error = errno;
  if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = errno;
  if (error == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) error = errno;
  close(ruleset);
  return error;
}
