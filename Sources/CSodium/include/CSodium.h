// libsodium's guarded memory, comparison, randomness and password hashing.
#pragma once
#include <sodium.h>
