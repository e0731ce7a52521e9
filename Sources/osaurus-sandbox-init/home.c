#define _GNU_SOURCE
#include "CFolderUsage.h"
#include "plan.h"

enum {
  // Of each 50 milliseconds: until the home was counted once, and from then on.
  FIRST_MICROSECONDS = 10000,
  NEXT_MICROSECONDS = 1000,
  // What others may write to the disk during the first count.
  NOISE = 16 << 20,
};

struct home home_begin(const struct plan *plan) {
  struct home home = {0};
  if (plan->most_home == 0) return home;
  home.bound = plan->most_home;
  home.taken = cfu_taken_on_disk(plan->home);
  return home;
}

int home_is_over(const struct plan *plan, struct home *home) {
  if (plan->most_home == 0) return 0;
  if (home->count == NULL) home->count = cfu_begin(plan->home);
  if (home->count == NULL) return 0;
  if (!cfu_go_on(home->count, home->counts == 0 ? FIRST_MICROSECONDS : NEXT_MICROSECONDS)) return 0;
  uint64_t bytes = cfu_bytes(home->count);
  cfu_end(home->count);
  home->count = NULL;
  if (home->counts++ == 0 && bytes > home->bound) {
    // It was too large when the command began, unless the command filled it since: then the disk has so much less to give. A home
    // that was too large may be emptied, and not grow.
    uint64_t taken = cfu_taken_on_disk(plan->home);
    uint64_t grown = taken > home->taken + NOISE ? taken - home->taken : 0;
    uint64_t before = bytes > grown ? bytes - grown : 0;
    if (before > home->bound) home->bound = before;
  }
  if (bytes > home->bound) return 1;
  // What was emptied is not filled again.
  home->bound = bytes > plan->most_home ? bytes : plan->most_home;
  return 0;
}
