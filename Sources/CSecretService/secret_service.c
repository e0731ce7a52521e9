#include "CSecretService.h"

#include <libsecret/secret.h>
#include <string.h>

static const SecretSchema schema = {
    "org.osaurus.Host",
    SECRET_SCHEMA_NONE,
    {
        {"host", SECRET_SCHEMA_ATTRIBUTE_STRING},
        {"item", SECRET_SCHEMA_ATTRIBUTE_STRING},
        {NULL, 0},
    },
    0, 0, 0, 0, 0, 0, 0, 0};

// Cancels a call that the daemon does not answer. The keyring may wait for a person at its prompt, so the
// caller chooses the time.
typedef struct {
  GCancellable *cancellable;
  GThread *thread;
  GMutex mutex;
  GCond changed;
  gint64 deadline;
  gboolean finished;
} watchdog;

static gpointer watch(gpointer data) {
  watchdog *dog = data;
  g_mutex_lock(&dog->mutex);
  while (!dog->finished) {
    if (!g_cond_wait_until(&dog->changed, &dog->mutex, dog->deadline)) {
      if (!dog->finished) g_cancellable_cancel(dog->cancellable);
      break;
    }
  }
  g_mutex_unlock(&dog->mutex);
  return NULL;
}

static void watchdog_start(watchdog *dog, unsigned timeout_ms) {
  dog->cancellable = g_cancellable_new();
  g_mutex_init(&dog->mutex);
  g_cond_init(&dog->changed);
  dog->deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  dog->finished = FALSE;
  dog->thread = g_thread_new("keyring-timeout", watch, dog);
}

static void watchdog_stop(watchdog *dog) {
  g_mutex_lock(&dog->mutex);
  dog->finished = TRUE;
  g_cond_signal(&dog->changed);
  g_mutex_unlock(&dog->mutex);
  g_thread_join(dog->thread);
  g_cond_clear(&dog->changed);
  g_mutex_clear(&dog->mutex);
  g_object_unref(dog->cancellable);
}

static osr_secret_status classify(GError *error, char message[OSR_SECRET_MESSAGE_SIZE]) {
  osr_secret_status status = OSR_SECRET_FAILED;
  g_strlcpy(message, error->message, OSR_SECRET_MESSAGE_SIZE);
  if (g_error_matches(error, SECRET_ERROR, SECRET_ERROR_IS_LOCKED)) {
    status = OSR_SECRET_LOCKED;
  } else if (g_error_matches(error, SECRET_ERROR, SECRET_ERROR_NO_SUCH_OBJECT)) {
    status = OSR_SECRET_NO_COLLECTION;
  } else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
             g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)) {
    status = OSR_SECRET_TIMED_OUT;
  } else if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_SERVER) ||
             error->domain == G_SPAWN_ERROR || error->domain == G_IO_ERROR) {
    status = OSR_SECRET_UNAVAILABLE;
  }
  g_error_free(error);
  return status;
}

osr_secret_status osr_secret_store(
    const char *host, const char *item, const char *label, const uint8_t *secret, size_t length,
    unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]) {
  GError *error = NULL;
  watchdog dog;
  message[0] = '\0';
  SecretValue *value =
      secret_value_new((const gchar *)secret, (gssize)length, "application/octet-stream");
  watchdog_start(&dog, timeout_ms);
  gboolean stored = secret_password_store_binary_sync(
      &schema, SECRET_COLLECTION_DEFAULT, label, value, dog.cancellable, &error, "host", host,
      "item", item, NULL);
  watchdog_stop(&dog);
  secret_value_unref(value);
  if (error != NULL) return classify(error, message);
  return stored ? OSR_SECRET_OK : OSR_SECRET_LOCKED;
}

osr_secret_status osr_secret_lookup(
    const char *host, const char *item, uint8_t *buffer, size_t capacity, size_t *length,
    unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]) {
  GError *error = NULL;
  watchdog dog;
  message[0] = '\0';
  *length = 0;
  watchdog_start(&dog, timeout_ms);
  SecretValue *value = secret_password_lookup_binary_sync(
      &schema, dog.cancellable, &error, "host", host, "item", item, NULL);
  watchdog_stop(&dog);
  if (error != NULL) return classify(error, message);
  if (value == NULL) return OSR_SECRET_NOT_FOUND;
  gsize stored = 0;
  const gchar *bytes = secret_value_get(value, &stored);
  *length = stored;
  if (stored <= capacity) memcpy(buffer, bytes, stored);
  secret_value_unref(value);
  return OSR_SECRET_OK;
}

osr_secret_status osr_secret_clear(
    const char *host, const char *item, unsigned timeout_ms,
    char message[OSR_SECRET_MESSAGE_SIZE]) {
  GError *error = NULL;
  watchdog dog;
  message[0] = '\0';
  watchdog_start(&dog, timeout_ms);
  gboolean removed = secret_password_clear_sync(
      &schema, dog.cancellable, &error, "host", host, "item", item, NULL);
  watchdog_stop(&dog);
  if (error != NULL) return classify(error, message);
  return removed ? OSR_SECRET_OK : OSR_SECRET_NOT_FOUND;
}

osr_secret_status osr_secret_probe(unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]) {
  GError *error = NULL;
  watchdog dog;
  message[0] = '\0';
  watchdog_start(&dog, timeout_ms);
  SecretService *service =
      secret_service_get_sync(SECRET_SERVICE_OPEN_SESSION, dog.cancellable, &error);
  watchdog_stop(&dog);
  if (error != NULL) return classify(error, message);
  g_object_unref(service);
  return OSR_SECRET_OK;
}
