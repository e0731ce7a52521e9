// The Secret Service (the desktop keyring) as five plain calls.
// libsecret's own simple interface is variadic, which Swift cannot import; it also unlocks, with a prompt, what is
// locked, and takes what stays locked for missing. These calls unlock nothing.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// What became of a call. The numbers are this target's own.
typedef enum {
  OSR_SECRET_OK = 0,
  OSR_SECRET_NOT_FOUND = 1,
  /// No session bus, or nothing on it provides the Secret Service.
  OSR_SECRET_UNAVAILABLE = 2,
  /// The item or the default collection is locked.
  OSR_SECRET_LOCKED = 3,
  /// There is no default collection.
  OSR_SECRET_NO_COLLECTION = 4,
  OSR_SECRET_TIMED_OUT = 5,
  OSR_SECRET_FAILED = 6,
  /// The service wanted a confirmation and did not get it.
  OSR_SECRET_DISMISSED = 7,
  /// The service ended while it was asked.
  OSR_SECRET_ENDED = 8,
} osr_secret_status;

/// Longest explanation written into a `message` buffer, with its terminating zero.
#define OSR_SECRET_MESSAGE_SIZE 256

/// Stores `length` bytes under (host, item) in the default collection, replacing what was there.
osr_secret_status osr_secret_store(
    const char *host, const char *item, const char *label, const uint8_t *secret, size_t length,
    unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]);

/// Looks up (host, item) and copies at most `capacity` bytes; `length` receives the stored length, which
/// may be larger than `capacity` (nothing is copied then). `OSR_SECRET_NOT_FOUND` says that the default collection
/// is unlocked and that nothing is there.
osr_secret_status osr_secret_lookup(
    const char *host, const char *item, uint8_t *buffer, size_t capacity, size_t *length,
    unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]);

/// Removes (host, item). Removing what is not there is `OSR_SECRET_NOT_FOUND`.
osr_secret_status osr_secret_clear(
    const char *host, const char *item, unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]);

/// Writes the names of all items of `host`, each with a terminating zero, one after the other; `length` receives how
/// many bytes they take, which may be more than `capacity` (nothing is written then). None is `OSR_SECRET_NOT_FOUND`.
osr_secret_status osr_secret_list(
    const char *host, char *buffer, size_t capacity, size_t *length, unsigned timeout_ms,
    char message[OSR_SECRET_MESSAGE_SIZE]);

/// Whether a Secret Service answers on the session bus, without storing or unlocking anything.
osr_secret_status osr_secret_probe(unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]);
