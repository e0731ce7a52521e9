#include "CPages.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { IV_SIZE = 16, MAC_SIZE = 32, BODY_SIZE = PAGES_SIZE - IV_SIZE - MAC_SIZE };

struct pages_key {
  uint8_t salt[PAGES_SALT_SIZE];
  EVP_CIPHER_CTX *decryption;
  EVP_CIPHER_CTX *encryption;
  EVP_MAC_CTX *mac;
};

static EVP_MAC_CTX *make_mac(const uint8_t *key, const uint8_t *salt) {
  uint8_t mac_salt[PAGES_SALT_SIZE], mac_key[PAGES_KEY_SIZE];
  for (int i = 0; i < PAGES_SALT_SIZE; i++) mac_salt[i] = salt[i] ^ 0x3a;
  int good = PKCS5_PBKDF2_HMAC(
      (const char *)key, PAGES_KEY_SIZE, mac_salt, PAGES_SALT_SIZE, 2, EVP_sha512(), PAGES_KEY_SIZE, mac_key);
  EVP_MAC *hmac = good ? EVP_MAC_fetch(0, "HMAC", 0) : 0;
  EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : 0;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0), OSSL_PARAM_construct_end()};
  if (mac && !EVP_MAC_init(mac, mac_key, PAGES_KEY_SIZE, parameters)) {
    EVP_MAC_CTX_free(mac);
    mac = 0;
  }
  EVP_MAC_free(hmac);
  OPENSSL_cleanse(mac_key, sizeof(mac_key));
  return mac;
}

static EVP_CIPHER_CTX *make_cipher(const uint8_t *key, int is_encrypting) {
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  if (cipher && EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), 0, key, 0, is_encrypting)
      && EVP_CIPHER_CTX_set_padding(cipher, 0))
    return cipher;
  EVP_CIPHER_CTX_free(cipher);
  return 0;
}

pages_key *pages_key_make(const uint8_t *key, const uint8_t *salt) {
  pages_key *made = calloc(1, sizeof(pages_key));
  if (!made) return 0;
  memcpy(made->salt, salt, PAGES_SALT_SIZE);
  made->decryption = make_cipher(key, 0);
  made->encryption = make_cipher(key, 1);
  made->mac = make_mac(key, salt);
  if (made->decryption && made->encryption && made->mac) return made;
  pages_key_free(made);
  return 0;
}

void pages_key_free(pages_key *key) {
  if (!key) return;
  // Each wipes the key that it has.
  EVP_CIPHER_CTX_free(key->decryption);
  EVP_CIPHER_CTX_free(key->encryption);
  EVP_MAC_CTX_free(key->mac);
  free(key);
}

int pages_make_salt(uint8_t *salt) { return RAND_bytes(salt, PAGES_SALT_SIZE) == 1; }

/// Where the ciphertext of a page begins.
static size_t beginning(uint32_t number) { return number == 1 ? PAGES_SALT_SIZE : 0; }

static int compute_mac(pages_key *key, uint32_t number, const uint8_t *page, uint8_t *mac) {
  const uint8_t little[4] = {
      (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16), (uint8_t)(number >> 24)};
  const size_t start = beginning(number);
  size_t length = 0;
  return EVP_MAC_init(key->mac, 0, 0, 0)
         && EVP_MAC_update(key->mac, page + start, BODY_SIZE + IV_SIZE - start)
         && EVP_MAC_update(key->mac, little, sizeof(little))
         && EVP_MAC_final(key->mac, mac, &length, MAC_SIZE) && length == MAC_SIZE;
}

static pages_result verify(pages_key *key, uint32_t number, const uint8_t *page) {
  uint8_t mac[MAC_SIZE];
  if (!compute_mac(key, number, page, mac)) return PAGES_FAILED;
  return CRYPTO_memcmp(mac, page + BODY_SIZE + IV_SIZE, MAC_SIZE) == 0 ? PAGES_DONE : PAGES_FORGED;
}

static int apply(
    EVP_CIPHER_CTX *cipher, const uint8_t *iv, uint32_t number, const uint8_t *input, uint8_t *output) {
  const size_t start = beginning(number);
  int length = 0;
  return EVP_CipherInit_ex(cipher, 0, 0, 0, iv, -1)
         && EVP_CipherUpdate(cipher, output + start, &length, input + start, (int)(BODY_SIZE - start))
         && length == (int)(BODY_SIZE - start);
}

/// SQLite keeps its lock on the page with the byte at 1 GiB, which is never written.
static int is_never_written(uint32_t number) { return number == 0x40000000 / PAGES_SIZE + 1; }

pages_result pages_verify(
    pages_key *key, uint32_t first, size_t count, const uint8_t *pages, uint32_t *bad) {
  for (size_t i = 0; i < count; i++) {
    *bad = first + (uint32_t)i;
    if (is_never_written(*bad)) continue;
    pages_result result = verify(key, *bad, pages + i * PAGES_SIZE);
    if (result != PAGES_DONE) return result;
  }
  return PAGES_DONE;
}

static pages_result put_under(
    pages_key *from, pages_key *to, uint32_t number, const uint8_t *page, uint8_t *copy, uint8_t *plain) {
  pages_result result = verify(from, number, page);
  if (result != PAGES_DONE) return result;
  uint8_t *iv = copy + BODY_SIZE;
  if (number == 1) memcpy(copy, to->salt, PAGES_SALT_SIZE);
  return apply(from->decryption, page + BODY_SIZE, number, page, plain) && RAND_bytes(iv, IV_SIZE) == 1
                 && apply(to->encryption, iv, number, plain, copy)
                 && compute_mac(to, number, copy, copy + BODY_SIZE + IV_SIZE)
             ? PAGES_DONE
             : PAGES_FAILED;
}

pages_result pages_put_under(
    pages_key *from, pages_key *to, uint32_t first, size_t count, const uint8_t *pages, uint8_t *copies,
    uint32_t *bad) {
  uint8_t plain[PAGES_SIZE];
  pages_result result = PAGES_DONE;
  for (size_t i = 0; i < count && result == PAGES_DONE; i++) {
    *bad = first + (uint32_t)i;
    const size_t offset = i * PAGES_SIZE;
    if (is_never_written(*bad))
      memset(copies + offset, 0, PAGES_SIZE);
    else
      result = put_under(from, to, *bad, pages + offset, copies + offset, plain);
  }
  OPENSSL_cleanse(plain, sizeof(plain));
  return result;
}

int pages_read(void *connection, uint32_t first, size_t count, uint8_t *pages) {
  sqlite3_file *file = 0;
  int status = sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (status != SQLITE_OK) return status;
  if (!file || !file->pMethods) return SQLITE_ERROR;
  return file->pMethods->xRead(
      file, pages, (int)(count * PAGES_SIZE), (sqlite3_int64)(first - 1) * PAGES_SIZE);
}
