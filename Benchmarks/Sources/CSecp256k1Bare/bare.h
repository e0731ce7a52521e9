// libsecp256k1 as it comes, to measure against.
#include <secp256k1.h>
#include <secp256k1_recovery.h>
