// Products of vectors of signed bytes, and distances of vectors of bits: the inner loops of a search by meaning.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Writes the inner products of `query` with each of `count` vectors to `products`. All have `dimensions` signed
/// bytes and lie one after the other. `dimensions` is at most 65,536, so that no sum overflows.
void vectors_inner_products(
    const int8_t *query, const int8_t *vectors, size_t count, size_t dimensions, int32_t *products);

/// Writes the numbers of differing bits between `query` and each of `count` vectors of `words` 64-bit words.
void vectors_hamming_distances(
    const uint64_t *query, const uint64_t *vectors, size_t count, size_t words, int32_t *distances);
