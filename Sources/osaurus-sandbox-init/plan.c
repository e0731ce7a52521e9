#define _GNU_SOURCE
#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// Whoever made this plan is trusted; a broken one is a mistake in this program, and ends it.
static void require(int holds) {
  if (!holds) _exit(125);
}

static uint64_t number(const uint8_t *bytes) {
  uint64_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

static char *text(const uint8_t *bytes, uint32_t length) {
  char *copy = malloc((size_t)length + 1);
  require(copy != NULL);
  memcpy(copy, bytes, length);
  copy[length] = 0;
  return copy;
}

static void *grown(void *list, size_t count, size_t size) {
  void *larger = realloc(list, (count + 2) * size);
  require(larger != NULL);
  return larger;
}

struct plan plan_read(int descriptor) {
  struct stat status;
  require(fstat(descriptor, &status) == 0 && status.st_size > 0);
  size_t size = (size_t)status.st_size;
  const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  require(bytes != MAP_FAILED);
  struct plan plan = {0};
  size_t arguments = 0, variables = 0;
  plan.arguments = grown(NULL, 0, sizeof(char *));
  plan.variables = grown(NULL, 0, sizeof(char *));
  for (size_t at = 0; at < size;) {
    require(size - at >= 5);
    uint8_t kind = bytes[at];
    uint32_t length;
    memcpy(&length, bytes + at + 1, sizeof length);
    const uint8_t *body = bytes + at + 5;
    require(length <= size - at - 5);
    at += 5 + (size_t)length;
    switch (kind) {
      case PLAN_ARGUMENT:
        plan.arguments = grown(plan.arguments, arguments, sizeof(char *));
        plan.arguments[arguments++] = text(body, length);
        break;
      case PLAN_VARIABLE:
        plan.variables = grown(plan.variables, variables, sizeof(char *));
        plan.variables[variables++] = text(body, length);
        break;
      case PLAN_FOLDER: plan.folder = text(body, length); break;
      case PLAN_WATCHED_DISK: plan.watched_disk = text(body, length); break;
      case PLAN_HOME:
        require(length > 8);
        plan.most_home = number(body);
        plan.home = text(body + 8, length - 8);
        break;
      case PLAN_TERMINAL: plan.terminal = 1; break;
      case PLAN_LIMIT:
        require(length == 12);
        plan.limits = grown(plan.limits, plan.limit_count, sizeof *plan.limits);
        memcpy(&plan.limits[plan.limit_count].resource, body, 4);
        plan.limits[plan.limit_count++].value = number(body + 4);
        break;
      case PLAN_FILE_RULE:
        require(length > 8);
        plan.rules = grown(plan.rules, plan.rule_count, sizeof *plan.rules);
        plan.rules[plan.rule_count].rights = number(body);
        plan.rules[plan.rule_count++].path = text(body + 8, length - 8);
        break;
      case PLAN_PORT_RULE:
        require(length == 16);
        plan.port_rules = grown(plan.port_rules, plan.port_rule_count, sizeof *plan.port_rules);
        plan.port_rules[plan.port_rule_count].rights = number(body);
        plan.port_rules[plan.port_rule_count++].port = number(body + 8);
        break;
      case PLAN_PROXY:
        require(length == 8);
        plan.proxy_port = number(body);
        break;
      case PLAN_RULESET:
        require(length == 24);
        plan.has_ruleset = 1;
        plan.handled_files = number(body);
        plan.handled_network = number(body + 8);
        plan.scoped = number(body + 16);
        break;
      case PLAN_WATCH:
        require(length == 24);
        plan.most_processes = number(body);
        plan.most_memory = number(body + 8);
        plan.least_disk = number(body + 16);
        break;
      default: require(0);
    }
  }
  plan.arguments[arguments] = NULL;
  plan.variables[variables] = NULL;
  require(arguments > 0);
  munmap((void *)bytes, size);
  return plan;
}
