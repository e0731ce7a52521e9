// osaurus-sandbox-probe NAME: tries one way out of the sandbox that it runs in. 0 is out, 1 is stopped, 3 is not possible here.
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *bait(const char *name) {
  const char *value = getenv(name);
  if (value == NULL) _exit(NOT_APPLICABLE);
  return value;
}

long bait_number(const char *name) { return strtol(bait(name), NULL, 10); }

enum outcome opened(int descriptor) { return descriptor >= 0 ? ESCAPED : STOPPED; }

enum outcome done(long answer) { return answer >= 0 ? ESCAPED : STOPPED; }

enum outcome reached(long answer) {
  return answer < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES) ? STOPPED : ESCAPED;
}

int main(int count, char **words) {
  const struct attempt *const all[] = {
      FILE_ATTEMPTS, KERNEL_ATTEMPTS, PROCESS_ATTEMPTS, NETWORK_ATTEMPTS, EXHAUSTION_ATTEMPTS};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (const struct attempt *attempt = all[i]; attempt->name != NULL; attempt++) {
      if (count == 2 && strcmp(words[1], attempt->name) == 0) return attempt->run();
    }
  int outcome = count == 2 ? ask_the_proxy(words[1]) : -1;
  if (outcome >= 0) return outcome;
  fprintf(stderr, "osaurus-sandbox-probe: no such attempt\n");
  return 2;
}
