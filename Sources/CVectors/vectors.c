#include "CVectors.h"

static int32_t inner_product(const int8_t *one, const int8_t *other, size_t dimensions) {
  int32_t sum = 0;
  for (size_t i = 0; i < dimensions; i++) sum += (int32_t)one[i] * other[i];
  return sum;
}

static int32_t hamming_distance(const uint64_t *one, const uint64_t *other, size_t words) {
  int32_t sum = 0;
  for (size_t i = 0; i < words; i++) sum += __builtin_popcountll(one[i] ^ other[i]);
  return sum;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define POPCNT __attribute__((target("popcnt")))

AVX2 static __m256i products_of_16(const int8_t *one, const int8_t *other) {
  const __m256i a = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)one));
  const __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)other));
  return _mm256_madd_epi16(a, b);
}

AVX2 static int32_t inner_product_avx2(const int8_t *one, const int8_t *other, size_t dimensions) {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= dimensions; i += 32) {
    even = _mm256_add_epi32(even, products_of_16(one + i, other + i));
    odd = _mm256_add_epi32(odd, products_of_16(one + i + 16, other + i + 16));
  }
  int32_t lanes[8], sum = 0;
  _mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi32(even, odd));
  for (int lane = 0; lane < 8; lane++) sum += lanes[lane];
  return sum + inner_product(one + i, other + i, dimensions - i);
}

POPCNT static int32_t hamming_distance_popcnt(const uint64_t *one, const uint64_t *other, size_t words) {
  int64_t sum = 0;
  for (size_t i = 0; i < words; i++) sum += _mm_popcnt_u64(one[i] ^ other[i]);
  return (int32_t)sum;
}

#endif

void vectors_inner_products(
    const int8_t *query, const int8_t *vectors, size_t count, size_t dimensions, int32_t *products) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    for (size_t i = 0; i < count; i++)
      products[i] = inner_product_avx2(query, vectors + i * dimensions, dimensions);
    return;
  }
#endif
  for (size_t i = 0; i < count; i++) products[i] = inner_product(query, vectors + i * dimensions, dimensions);
}

void vectors_hamming_distances(
    const uint64_t *query, const uint64_t *vectors, size_t count, size_t words, int32_t *distances) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) {
    for (size_t i = 0; i < count; i++)
      distances[i] = hamming_distance_popcnt(query, vectors + i * words, words);
    return;
  }
#endif
  for (size_t i = 0; i < count; i++) distances[i] = hamming_distance(query, vectors + i * words, words);
}
