// libsodium's guarded memory, comparison, randomness and password hashing.
#pragma once
#include <sodium.h>

#ifdef __linux__
#include <sys/prctl.h>

// Here because prctl takes a varying number of arguments, and Swift calls no such function.
static inline int process_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
#else
static inline int process_forbid_dumps(void) { return 0; }
#endif
