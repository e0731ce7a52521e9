#define _GNU_SOURCE
#include "CScratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define RECORD (NONCE + SCRATCH_PAGE + crypto_aead_xchacha20poly1305_ietf_ABYTES)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char *key;

static void make_key(void) {
  if (sodium_init() < 0) abort();
  key = sodium_malloc(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  if (!key) abort();
  crypto_aead_xchacha20poly1305_ietf_keygen(key);
  sodium_mprotect_readonly(key);
}

static int read_all(int descriptor, unsigned char *bytes, size_t count, off_t offset) {
  size_t filled = 0;
  while (filled < count) {
    ssize_t result = pread(descriptor, bytes + filled, count - filled, offset + (off_t)filled);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return errno;
    if (result == 0) return EBADMSG;
    filled += (size_t)result;
  }
  return 0;
}

static int write_all(int descriptor, const unsigned char *bytes, size_t count, off_t offset) {
  size_t written = 0;
  while (written < count) {
    ssize_t result = pwrite(descriptor, bytes + written, count - written, offset + (off_t)written);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) return result < 0 ? errno : EIO;
    written += (size_t)result;
  }
  return 0;
}

static int read_page(int descriptor, uint64_t number, unsigned char *page) {
  unsigned char record[RECORD];
  int failure = read_all(descriptor, record, RECORD, (off_t)(number * RECORD));
  if (failure) return failure;
  if (sodium_is_zero(record, RECORD)) {
    // A page behind which others were written before it ever was.
    memset(page, 0, SCRATCH_PAGE);
    return 0;
  }
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             page, NULL, NULL, record + NONCE, RECORD - NONCE, (const unsigned char *)&number,
             sizeof number, record, key) == 0
             ? 0
             : EBADMSG;
}

static int write_page(int descriptor, uint64_t number, const unsigned char *page) {
  unsigned char record[RECORD];
  randombytes_buf(record, NONCE);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      record + NONCE, NULL, page, SCRATCH_PAGE, (const unsigned char *)&number, sizeof number, NULL,
      record, key);
  return write_all(descriptor, record, RECORD, (off_t)(number * RECORD));
}

static int64_t count_pages(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return -1;
  return status.st_size / RECORD;
}

// MARK: Without SQLite

struct ScratchFile {
  int descriptor;
};

static ScratchFile *open_file(const char *path, int flags) {
  pthread_once(&once, make_key);
  int descriptor = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return NULL;
  ScratchFile *file = malloc(sizeof *file);
  if (!file) {
    close(descriptor);
    errno = ENOMEM;
    return NULL;
  }
  file->descriptor = descriptor;
  return file;
}

ScratchFile *scratch_create(const char *path) { return open_file(path, O_RDWR | O_CREAT | O_EXCL); }

ScratchFile *scratch_open(const char *path) { return open_file(path, O_RDONLY); }

uint64_t scratch_pages(ScratchFile *file) {
  int64_t pages = count_pages(file->descriptor);
  return pages < 0 ? 0 : (uint64_t)pages;
}

int scratch_append(ScratchFile *file, const void *page) {
  return write_page(file->descriptor, scratch_pages(file), page);
}

int scratch_read(ScratchFile *file, uint64_t number, void *page) {
  return read_page(file->descriptor, number, page);
}

void scratch_close(ScratchFile *file) {
  close(file->descriptor);
  free(file);
}

// MARK: For SQLite

typedef struct {
  sqlite3_file base;
  int descriptor;
} OpenFile;

static int descriptor(sqlite3_file *file) { return ((OpenFile *)file)->descriptor; }

static int x_close(sqlite3_file *file) {
  close(descriptor(file));
  return SQLITE_OK;
}

static int x_read(sqlite3_file *file, void *target, int count, sqlite3_int64 offset) {
  unsigned char page[SCRATCH_PAGE], *bytes = target;
  int64_t pages = count_pages(descriptor(file));
  while (count > 0) {
    int64_t number = offset / SCRATCH_PAGE;
    if (number >= pages) {
      memset(bytes, 0, (size_t)count);
      return SQLITE_IOERR_SHORT_READ;
    }
    if (read_page(descriptor(file), (uint64_t)number, page) != 0) return SQLITE_IOERR_READ;
    int start = (int)(offset % SCRATCH_PAGE);
    int part = SCRATCH_PAGE - start < count ? SCRATCH_PAGE - start : count;
    memcpy(bytes, page + start, (size_t)part);
    bytes += part;
    offset += part;
    count -= part;
  }
  sodium_memzero(page, sizeof page);
  return SQLITE_OK;
}

static int x_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  if (count != SCRATCH_PAGE || offset % SCRATCH_PAGE != 0) return SQLITE_IOERR_WRITE;
  int failure = write_page(descriptor(file), (uint64_t)(offset / SCRATCH_PAGE), bytes);
  if (failure == ENOSPC || failure == EDQUOT) return SQLITE_FULL;
  return failure ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
  off_t pages = (size + SCRATCH_PAGE - 1) / SCRATCH_PAGE;
  return ftruncate(descriptor(file), pages * (off_t)RECORD) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int x_sync(sqlite3_file *file, int flags) {
  (void)file, (void)flags;
  return SQLITE_OK;
}

static int x_file_size(sqlite3_file *file, sqlite3_int64 *size) {
  int64_t pages = count_pages(descriptor(file));
  if (pages < 0) return SQLITE_IOERR_FSTAT;
  *size = pages * SCRATCH_PAGE;
  return SQLITE_OK;
}

static int x_lock(sqlite3_file *file, int level) {
  (void)file, (void)level;
  return SQLITE_OK;
}

static int x_check_reserved_lock(sqlite3_file *file, int *is_reserved) {
  (void)file;
  *is_reserved = 0;
  return SQLITE_OK;
}

static int x_file_control(sqlite3_file *file, int operation, void *argument) {
  (void)file, (void)operation, (void)argument;
  return SQLITE_NOTFOUND;
}

static int x_sector_size(sqlite3_file *file) {
  (void)file;
  return SCRATCH_PAGE;
}

static int x_device_characteristics(sqlite3_file *file) {
  (void)file;
  return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_lock,
    .xCheckReservedLock = x_check_reserved_lock,
    .xFileControl = x_file_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_device_characteristics,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  file->pMethods = NULL;
  // Journals and temporary files would have to be sealed, too; whoever uses this needs none.
  if (!name || !(flags & SQLITE_OPEN_MAIN_DB)) return SQLITE_CANTOPEN;
  int how = flags & SQLITE_OPEN_READWRITE ? O_RDWR | (flags & SQLITE_OPEN_CREATE ? O_CREAT : 0) : O_RDONLY;
  int opened = open(name, how | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (opened < 0) return SQLITE_CANTOPEN;
  ((OpenFile *)file)->descriptor = opened;
  file->pMethods = &methods;
  if (out) *out = flags;
  return SQLITE_OK;
}

static sqlite3_vfs scratch;

static int registration;

/// All but opening is what the system's own file system does.
static void make_file_system(void) {
  pthread_once(&once, make_key);
  sqlite3_vfs *system = sqlite3_vfs_find(NULL);
  if (!system) {
    registration = SQLITE_ERROR;
    return;
  }
  scratch = *system;
  scratch.iVersion = 1;
  scratch.szOsFile = sizeof(OpenFile);
  scratch.pNext = NULL;
  scratch.zName = "scratch";
  scratch.xOpen = x_open;
  registration = sqlite3_vfs_register(&scratch, 0);
}

int scratch_register(void) {
  static pthread_once_t registered = PTHREAD_ONCE_INIT;
  pthread_once(&registered, make_file_system);
  return registration;
}
