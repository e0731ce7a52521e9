// The bulk of base64 with the processor's vectors, which Swift cannot choose while it runs.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Encodes whole blocks of `count` bytes in the URL-safe alphabet.
/// Returns how many bytes it took, a multiple of 24: 4 characters for every 3 of them are in `text`. It takes none where
/// the processor cannot.
size_t cbase64_encode_blocks(const uint8_t *bytes, size_t count, uint8_t *text);

/// Decodes whole blocks of `count` characters of either alphabet, up to the first block with a character that belongs to
/// none, and writes no further than `room` bytes.
/// Returns how many characters it took, a multiple of 32: 3 bytes for every 4 of them are in `bytes`. It takes none where
/// the processor cannot.
size_t cbase64_decode_blocks(const uint8_t *text, size_t count, uint8_t *bytes, size_t room);
