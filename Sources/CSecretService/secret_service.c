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

// Cancels a call that the daemon does not answer, after a time that the caller chooses.
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
  if (g_error_matches(error, SECRET_ERROR, SECRET_ERROR_IS_LOCKED)) {
    status = OSR_SECRET_LOCKED;
  } else if (g_error_matches(error, SECRET_ERROR, SECRET_ERROR_NO_SUCH_OBJECT)) {
    status = OSR_SECRET_NO_COLLECTION;
  } else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
             g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
    status = OSR_SECRET_TIMED_OUT;
  } else if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)) {
    // The bus says so when the service leaves it with a call unanswered; time is kept here, not there.
    status = OSR_SECRET_ENDED;
  } else if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED) ||
             g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_SERVER) ||
             error->domain == G_SPAWN_ERROR || error->domain == G_IO_ERROR) {
    status = OSR_SECRET_UNAVAILABLE;
  }
  g_dbus_error_strip_remote_error(error);
  g_strlcpy(message, error->message, OSR_SECRET_MESSAGE_SIZE);
  g_error_free(error);
  return status;
}

// One call: a connection of its own to the service (a session that outlived a restart of the daemon would be
// refused for ever), the attributes of one item, and the time that it may take.
typedef struct {
  watchdog dog;
  SecretService *service;
  GHashTable *attributes;
  GError *error;
} call;

static gboolean call_begin(call *this, const char *host, const char *item, unsigned timeout_ms) {
  this->error = NULL;
  this->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
  if (host != NULL) g_hash_table_insert(this->attributes, "host", g_strdup(host));
  if (item != NULL) g_hash_table_insert(this->attributes, "item", g_strdup(item));
  watchdog_start(&this->dog, timeout_ms);
  this->service = secret_service_open_sync(
      SECRET_TYPE_SERVICE, NULL, SECRET_SERVICE_OPEN_SESSION, this->dog.cancellable, &this->error);
  return this->service != NULL;
}

// Ends a call with `status`, or with what went wrong where something did.
static osr_secret_status call_end(
    call *this, osr_secret_status status, char message[OSR_SECRET_MESSAGE_SIZE]) {
  watchdog_stop(&this->dog);
  g_clear_object(&this->service);
  g_hash_table_unref(this->attributes);
  message[0] = '\0';
  return this->error != NULL ? classify(this->error, message) : status;
}

// The default collection, if it is there and unlocked. Nothing is unlocked from here: that would put a prompt on
// somebody's screen, or wait for one that nobody sees.
static osr_secret_status call_collection(call *this, SecretCollection **collection) {
  *collection = secret_collection_for_alias_sync(
      this->service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, this->dog.cancellable, &this->error);
  if (this->error != NULL) return OSR_SECRET_FAILED;
  if (*collection == NULL) return OSR_SECRET_NO_COLLECTION;
  if (!secret_collection_get_locked(*collection)) return OSR_SECRET_OK;
  g_clear_object(collection);
  return OSR_SECRET_LOCKED;
}

// The items with the call's attributes, unlocked ones first. None found means "not there" only where the default
// collection could be looked into: some services show nothing of a locked one.
static osr_secret_status call_search(call *this, SecretSearchFlags flags, GList **items) {
  *items = secret_service_search_sync(
      this->service, &schema, this->attributes, flags, this->dog.cancellable, &this->error);
  if (this->error != NULL) return OSR_SECRET_FAILED;
  if (*items != NULL) return OSR_SECRET_OK;
  SecretCollection *collection = NULL;
  osr_secret_status status = call_collection(this, &collection);
  g_clear_object(&collection);
  return status == OSR_SECRET_OK ? OSR_SECRET_NOT_FOUND : status;
}

osr_secret_status osr_secret_store(
    const char *host, const char *item, const char *label, const uint8_t *secret, size_t length,
    unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]) {
  call this;
  if (!call_begin(&this, host, item, timeout_ms)) return call_end(&this, OSR_SECRET_FAILED, message);
  SecretCollection *collection = NULL;
  osr_secret_status status = call_collection(&this, &collection);
  if (status == OSR_SECRET_OK) {
    SecretValue *value =
        secret_value_new((const gchar *)secret, (gssize)length, "application/octet-stream");
    SecretItem *stored = secret_item_create_sync(
        collection, &schema, this.attributes, label, value, SECRET_ITEM_CREATE_REPLACE,
        this.dog.cancellable, &this.error);
    // Without an error, a service that asked for a confirmation and did not get it.
    if (stored == NULL) status = OSR_SECRET_DISMISSED;
    g_clear_object(&stored);
    secret_value_unref(value);
    g_object_unref(collection);
  }
  return call_end(&this, status, message);
}

osr_secret_status osr_secret_lookup(
    const char *host, const char *item, uint8_t *buffer, size_t capacity, size_t *length,
    unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]) {
  call this;
  *length = 0;
  if (!call_begin(&this, host, item, timeout_ms)) return call_end(&this, OSR_SECRET_FAILED, message);
  GList *items = NULL;
  osr_secret_status status = call_search(&this, SECRET_SEARCH_NONE, &items);
  if (status == OSR_SECRET_OK && secret_item_get_locked(items->data)) status = OSR_SECRET_LOCKED;
  if (status == OSR_SECRET_OK &&
      secret_item_load_secret_sync(items->data, this.dog.cancellable, &this.error)) {
    SecretValue *value = secret_item_get_secret(items->data);
    if (value != NULL) {
      gsize stored = 0;
      const gchar *bytes = secret_value_get(value, &stored);
      *length = stored;
      if (stored <= capacity) memcpy(buffer, bytes, stored);
      secret_value_unref(value);
    } else {
      status = OSR_SECRET_LOCKED;
    }
  }
  g_list_free_full(items, g_object_unref);
  return call_end(&this, status, message);
}

osr_secret_status osr_secret_clear(
    const char *host, const char *item, unsigned timeout_ms,
    char message[OSR_SECRET_MESSAGE_SIZE]) {
  call this;
  if (!call_begin(&this, host, item, timeout_ms)) return call_end(&this, OSR_SECRET_FAILED, message);
  GList *items = NULL;
  osr_secret_status status = call_search(&this, SECRET_SEARCH_ALL, &items);
  for (GList *each = items; each != NULL && status == OSR_SECRET_OK; each = each->next) {
    if (secret_item_get_locked(each->data)) {
      status = OSR_SECRET_LOCKED;
    } else if (!secret_item_delete_sync(each->data, this.dog.cancellable, &this.error)) {
      status = OSR_SECRET_DISMISSED;
    }
  }
  g_list_free_full(items, g_object_unref);
  return call_end(&this, status, message);
}

osr_secret_status osr_secret_list(
    const char *host, char *buffer, size_t capacity, size_t *length, unsigned timeout_ms,
    char message[OSR_SECRET_MESSAGE_SIZE]) {
  call this;
  *length = 0;
  if (!call_begin(&this, host, NULL, timeout_ms)) return call_end(&this, OSR_SECRET_FAILED, message);
  GList *items = NULL;
  osr_secret_status status = call_search(&this, SECRET_SEARCH_ALL, &items);
  for (GList *each = items; each != NULL && status == OSR_SECRET_OK; each = each->next) {
    GHashTable *attributes = secret_item_get_attributes(each->data);
    const char *item = g_hash_table_lookup(attributes, "item");
    if (item != NULL) {
      size_t size = strlen(item) + 1;
      if (*length + size <= capacity) memcpy(buffer + *length, item, size);
      *length += size;
    }
    g_hash_table_unref(attributes);
  }
  g_list_free_full(items, g_object_unref);
  return call_end(&this, status, message);
}

osr_secret_status osr_secret_probe(unsigned timeout_ms, char message[OSR_SECRET_MESSAGE_SIZE]) {
  call this;
  call_begin(&this, NULL, NULL, timeout_ms);
  return call_end(&this, OSR_SECRET_OK, message);
}
