// Files for work in between: databases that are plain to this process alone. `sqlite3.h` is deliberately not included: its
// types would clash with the ones that GRDB imports.
#pragma once

#include <stdint.h>

/// The bytes that are sealed and opened at once: a page of SQLite.
#define SCRATCH_PAGE 4096

/// Makes SQLite know the file system "scratch": files that it opens there are sealed page by page (XChaCha20-Poly1305 with
/// the page's number) under a key that is made once, and never leaves this process. Nobody opens them after it has ended.
/// There are no locks and no log: one connection at a time. Returns an SQLite result code.
int scratch_register(void);

/// The same files, without SQLite.
typedef struct ScratchFile ScratchFile;

/// Makes a file, 0600, where there is none, or opens one. NULL where that fails; `errno` says why.
ScratchFile *scratch_create(const char *path);
ScratchFile *scratch_open(const char *path);

/// How many pages there are.
uint64_t scratch_pages(ScratchFile *file);

/// Adds a page. Returns 0, or the number of the error.
int scratch_append(ScratchFile *file, const void *page);

/// Reads a page, from 0. Returns 0, EBADMSG for one that is not what was written, or the number of another error.
int scratch_read(ScratchFile *file, uint64_t number, void *page);

void scratch_close(ScratchFile *file);
