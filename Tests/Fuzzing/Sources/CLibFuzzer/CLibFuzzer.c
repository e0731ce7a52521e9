#include "CLibFuzzer.h"

/// What the fuzzer's own main function would call, which does not run here.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return 0; }
