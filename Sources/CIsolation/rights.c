#include "CIsolation.h"

#include <sys/xattr.h>

int osr_has_capabilities(const char *path) { return getxattr(path, "security.capability", NULL, 0) > 0; }
