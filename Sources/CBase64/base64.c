// Base64 in blocks of 32 characters with AVX2, after W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding
// Using AVX2 Instructions" (ACM Transactions on the Web 12, 2018). What is left over, and everything on other
// processors, is the caller's.
#include "CBase64.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

static int has_avx2(void) { return __builtin_cpu_supports("avx2"); }

/// Twelve bytes in each half become sixteen numbers of six bits, one a byte.
AVX2 static __m256i split(__m256i bytes) {
  const __m256i order = _mm256_setr_epi8(
      1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10,
      1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  const __m256i groups = _mm256_shuffle_epi8(bytes, order);
  const __m256i first_and_third = _mm256_mulhi_epu16(
      _mm256_and_si256(groups, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
  const __m256i second_and_fourth = _mm256_mullo_epi16(
      _mm256_and_si256(groups, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
  return _mm256_or_si256(first_and_third, second_and_fourth);
}

/// Adds `difference` to the characters of all numbers above `limit`.
AVX2 static __m256i above(__m256i characters, __m256i numbers, char limit, char difference) {
  const __m256i mask = _mm256_cmpgt_epi8(numbers, _mm256_set1_epi8(limit));
  return _mm256_add_epi8(characters, _mm256_and_si256(mask, _mm256_set1_epi8(difference)));
}

AVX2 static size_t encode_blocks(const uint8_t *bytes, size_t count, uint8_t *text) {
  size_t taken = 0;
  // The second half is read from the twelfth byte on, sixteen bytes of it.
  while (count - taken >= 28) {
    const __m128i low = _mm_loadu_si128((const __m128i *)(bytes + taken));
    const __m128i high = _mm_loadu_si128((const __m128i *)(bytes + taken + 12));
    const __m256i numbers = split(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1));
    __m256i characters = _mm256_add_epi8(numbers, _mm256_set1_epi8('A'));
    characters = above(characters, numbers, 25, 'a' - 26 - 'A');
    characters = above(characters, numbers, 51, ('0' - 52) - ('a' - 26));
    characters = above(characters, numbers, 61, ('-' - 62) - ('0' - 52));
    characters = above(characters, numbers, 62, ('_' - 63) - ('-' - 62));
    _mm256_storeu_si256((__m256i *)text, characters);
    taken += 24;
    text += 32;
  }
  return taken;
}

AVX2 static __m256i between(__m256i characters, char first, char last) {
  return _mm256_and_si256(
      _mm256_cmpgt_epi8(characters, _mm256_set1_epi8(first - 1)),
      _mm256_cmpgt_epi8(_mm256_set1_epi8(last + 1), characters));
}

AVX2 static __m256i either(__m256i characters, char one, char other) {
  return _mm256_or_si256(
      _mm256_cmpeq_epi8(characters, _mm256_set1_epi8(one)),
      _mm256_cmpeq_epi8(characters, _mm256_set1_epi8(other)));
}

/// The numbers of six bits, one a byte, become twelve bytes in each half, and those 24 bytes in a row.
AVX2 static __m256i join(__m256i numbers) {
  const __m256i pairs = _mm256_maddubs_epi16(numbers, _mm256_set1_epi32(0x01400140));
  const __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
  const __m256i order = _mm256_setr_epi8(
      2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
      2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  return _mm256_permutevar8x32_epi32(
      _mm256_shuffle_epi8(groups, order), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
}

AVX2 static size_t decode_blocks(const uint8_t *text, size_t count, uint8_t *bytes, size_t room) {
  size_t taken = 0;
  size_t written = 0;
  // 32 bytes are stored, of which 24 are meant.
  while (count - taken >= 32 && room - written >= 32) {
    const __m256i characters = _mm256_loadu_si256((const __m256i *)(text + taken));
    const __m256i upper = between(characters, 'A', 'Z');
    const __m256i lower = between(characters, 'a', 'z');
    const __m256i digit = between(characters, '0', '9');
    const __m256i dash = either(characters, '-', '+');
    const __m256i line = either(characters, '_', '/');
    const __m256i known = _mm256_or_si256(
        _mm256_or_si256(upper, lower), _mm256_or_si256(digit, _mm256_or_si256(dash, line)));
    if (_mm256_movemask_epi8(known) != -1) break;
    const __m256i difference = _mm256_or_si256(
        _mm256_and_si256(upper, _mm256_set1_epi8(-'A')),
        _mm256_or_si256(
            _mm256_and_si256(lower, _mm256_set1_epi8(26 - 'a')),
            _mm256_and_si256(digit, _mm256_set1_epi8(52 - '0'))));
    __m256i numbers = _mm256_add_epi8(characters, difference);
    numbers = _mm256_blendv_epi8(numbers, _mm256_set1_epi8(62), dash);
    numbers = _mm256_blendv_epi8(numbers, _mm256_set1_epi8(63), line);
    _mm256_storeu_si256((__m256i *)(bytes + written), join(numbers));
    taken += 32;
    written += 24;
  }
  return taken;
}

size_t cbase64_encode_blocks(const uint8_t *bytes, size_t count, uint8_t *text) {
  return has_avx2() ? encode_blocks(bytes, count, text) : 0;
}

size_t cbase64_decode_blocks(const uint8_t *text, size_t count, uint8_t *bytes, size_t room) {
  return has_avx2() ? decode_blocks(text, count, bytes, room) : 0;
}

#else

size_t cbase64_encode_blocks(const uint8_t *bytes, size_t count, uint8_t *text) { return 0; }

size_t cbase64_decode_blocks(const uint8_t *text, size_t count, uint8_t *bytes, size_t room) { return 0; }

#endif
