// Attempts to get out of a sandbox, by name. Each says by its exit code how it went.
#pragma once

enum outcome { ESCAPED = 0, STOPPED = 1, NOT_APPLICABLE = 3 };

struct attempt {
  const char *name;
  enum outcome (*run)(void);
};

extern const struct attempt FILE_ATTEMPTS[], KERNEL_ATTEMPTS[], PROCESS_ATTEMPTS[], NETWORK_ATTEMPTS[],
    EXHAUSTION_ATTEMPTS[];

/// Tries one of the attempts of proxy.c, or answers -1 where the name is none of theirs.
int ask_the_proxy(const char *name);

/// What the tester put in place: the value of an environment variable, or the end of this process where there is none.
const char *bait(const char *name);
long bait_number(const char *name);

/// Escaped where an open file comes of it, or any answer that is not negative.
enum outcome opened(int descriptor);
enum outcome done(long answer);

/// Escaped where a system call reached the kernel: where it was not refused for who asked.
enum outcome reached(long answer);
