// SwiftPM links a C target only when it compiles something.
#include "CArchive.h"
