// Pages of SQLCipher's database files (format 4 with HMAC-SHA256): verified, and put under another key. Opening a database
// stays SQLCipher's; this is for going through a file from end to end, by several threads, which it cannot.
//
// A page is 4096 bytes: ciphertext (AES-256-CBC), 16 bytes of IV, 32 bytes of HMAC over ciphertext, IV and the page's number
// (32 bits, little endian). The first page begins with the file's salt, 16 bytes that are neither. The HMAC's key is
// PBKDF2-HMAC-SHA512(key, salt with every byte XOR 0x3a, 2 rounds), 32 bytes. Source: SQLCipher's design
// (https://www.zetetic.net/sqlcipher/design/).
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PAGES_SIZE = 4096, PAGES_SALT_SIZE = 16, PAGES_KEY_SIZE = 32 };

/// What working on pages came to.
typedef enum {
  PAGES_DONE,
  /// A page does not have the HMAC that belongs to it.
  PAGES_FORGED,
  /// The library for the ciphers refused.
  PAGES_FAILED,
} pages_result;

/// The key of one file, for one thread.
typedef struct pages_key pages_key;

/// Takes the raw key of a file, `PAGES_KEY_SIZE` bytes, and its salt, `PAGES_SALT_SIZE` bytes; null when that cannot be had.
pages_key *pages_key_make(const uint8_t *key, const uint8_t *salt);

/// Wipes and frees it.
void pages_key_free(pages_key *key);

/// Writes the salt of a new file.
/// Returns whether it could be had.
int pages_make_salt(uint8_t *salt);

/// Verifies `count` pages of a file, the first of which has the number `first` (from 1).
/// `bad` is told the number of the page that is forged.
pages_result pages_verify(pages_key *key, uint32_t first, size_t count, const uint8_t *pages, uint32_t *bad);

/// Verifies and decrypts `count` pages under `from`, encrypts them under `to` with fresh IVs, and writes them to `copies`.
pages_result pages_put_under(
    pages_key *from, pages_key *to, uint32_t first, size_t count, const uint8_t *pages, uint8_t *copies,
    uint32_t *bad);

/// Reads `count` pages as they are in the file of an open connection, through the handle that SQLite has: another
/// one, when closed, would let go of SQLite's locks. Returns an SQLite result code.
int pages_read(void *connection, uint32_t first, size_t count, uint8_t *pages);
