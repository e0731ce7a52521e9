// What a folder takes on its disk, counted a piece at a time. The first process of a sandbox counts its home with it, and so does
// the host before it writes there.
#pragma once
#include <stdint.h>

/// A count that has begun.
struct cfu_count;

enum {
  /// What each name counts besides what its file takes: many empty files are not nothing.
  CFU_BYTES_OF_A_NAME = 512,
  /// How many folders deep is looked. Each is one open descriptor.
  CFU_DEEPEST = 256,
};

/// Begins to count. What is in folders that this user may not read, or that are deeper than that, is not counted, and no link is
/// followed.
/// - Returns: NULL where the folder cannot be opened.
struct cfu_count *cfu_begin(const char *folder);

/// Goes on for about so long.
/// - Returns: whether it is done.
int cfu_go_on(struct cfu_count *count, uint64_t microseconds);

/// What was counted until now. A file with several names counts once where all of them are in the folder.
uint64_t cfu_bytes(const struct cfu_count *count);

/// Lets go of it.
void cfu_end(struct cfu_count *count);

/// What is taken on the disk with this folder, by whomever; 0 where that cannot be told.
uint64_t cfu_taken_on_disk(const char *folder);
