#include "CNotifications.h"

#include <gio/gio.h>

static const char service[] = "org.freedesktop.Notifications";
static const char path[] = "/org/freedesktop/Notifications";
static const char interface[] = "org.freedesktop.Notifications";
static const char first_key[] = "first";
static const char second_key[] = "second";

// How long a daemon may take for an answer, and for the last one.
enum { PATIENCE_MS = 10000, PARTING_MS = 1000 };

struct osr_question {
  gatomicrefcount holders;
  osr_question_receiver receiver;
  gchar *application, *icon, *title, *text, *first, *second;
  GCancellable *withdrawn;
  GMainContext *context;
  GMainLoop *loop;
  GDBusConnection *bus;
  guint32 id;
  gboolean is_there;
  osr_question_end end;
};

// The bus of the session, as its environment names it. GLib's own search would also start one, where there is a
// display: nobody who is not there yet is asked.
static gchar *bus_address(void) {
  const gchar *named = g_getenv("DBUS_SESSION_BUS_ADDRESS");
  if (named != NULL && *named != '\0')
    return g_str_has_prefix(named, "autolaunch:") ? NULL : g_strdup(named);
  const gchar *folder = g_getenv("XDG_RUNTIME_DIR");
  if (folder == NULL || *folder == '\0') return NULL;
  gchar *socket = g_build_filename(folder, "bus", NULL);
  gchar *address = NULL;
  if (g_file_test(socket, G_FILE_TEST_EXISTS)) {
    gchar *escaped = g_dbus_address_escape_value(socket);
    address = g_strconcat("unix:path=", escaped, NULL);
    g_free(escaped);
  }
  g_free(socket);
  return address;
}

static GVariant *call(osr_question *this, const char *method, GVariant *arguments, const char *answer) {
  return g_dbus_connection_call_sync(
      this->bus, service, path, interface, method, arguments, G_VARIANT_TYPE(answer), G_DBUS_CALL_FLAGS_NONE,
      PATIENCE_MS, this->withdrawn, NULL);
}

// Whether texts with buttons are shown; a text that cannot be read must not be agreed to.
static gboolean can_ask(osr_question *this, gboolean *reads_markup) {
  GVariant *answer = call(this, "GetCapabilities", NULL, "(as)");
  if (answer == NULL) return FALSE;
  const gchar **names = NULL;
  g_variant_get(answer, "(^a&s)", &names);
  const gchar *const *all = (const gchar *const *)names;
  gboolean can = g_strv_contains(all, "actions") && g_strv_contains(all, "body");
  *reads_markup = g_strv_contains(all, "body-markup");
  g_free(names);
  g_variant_unref(answer);
  return can;
}

static gboolean show(osr_question *this, gboolean reads_markup) {
  gchar *text = reads_markup ? g_markup_escape_text(this->text, -1) : g_strdup(this->text);
  const gchar *actions[] = {first_key, this->first, second_key, this->second, NULL};
  GVariantBuilder hints;
  g_variant_builder_init(&hints, G_VARIANT_TYPE_VARDICT);
  // Critical ones stay until somebody has seen them.
  g_variant_builder_add(&hints, "{sv}", "urgency", g_variant_new_byte(2));
  GVariant *answer = call(
      this, "Notify",
      g_variant_new(
          "(susss^asa{sv}i)", this->application, (guint32)0, this->icon, this->title, text, actions, &hints,
          (gint32)0),
      "(u)");
  g_free(text);
  if (answer == NULL) return FALSE;
  g_variant_get(answer, "(u)", &this->id);
  g_variant_unref(answer);
  return TRUE;
}

static void finish(osr_question *this, osr_question_end end) {
  if (this->end == OSR_QUESTION_UNANSWERED) this->end = end;
  g_main_loop_quit(this->loop);
}

static void heard(
    GDBusConnection *bus, const gchar *sender, const gchar *object, const gchar *from, const gchar *signal,
    GVariant *content, gpointer data) {
  osr_question *this = data;
  guint32 id = 0;
  if (g_str_equal(signal, "ActionInvoked") && g_variant_is_of_type(content, G_VARIANT_TYPE("(us)"))) {
    const gchar *key = NULL;
    g_variant_get(content, "(u&s)", &id, &key);
    if (id != this->id) return;
    // A click on the text, and whatever else is no button of ours, says nothing.
    if (g_str_equal(key, first_key)) finish(this, OSR_QUESTION_FIRST);
    if (g_str_equal(key, second_key)) finish(this, OSR_QUESTION_SECOND);
  } else if (
      g_str_equal(signal, "NotificationClosed") && g_variant_is_of_type(content, G_VARIANT_TYPE("(uu)"))) {
    g_variant_get(content, "(uu)", &id, NULL);
    if (id != this->id) return;
    this->is_there = FALSE;
    finish(this, OSR_QUESTION_UNANSWERED);
  }
}

static void daemon_ended(GDBusConnection *bus, const gchar *name, gpointer data) {
  osr_question *this = data;
  this->is_there = FALSE;
  finish(this, OSR_QUESTION_UNANSWERED);
}

static gboolean was_withdrawn(GCancellable *cancellable, gpointer data) {
  finish(data, OSR_QUESTION_UNANSWERED);
  return G_SOURCE_REMOVE;
}

// Shows the question and waits. What the bus says meanwhile is heard in the loop alone, after the id is known.
static void wait_for_word(osr_question *this, gboolean reads_markup) {
  guint hearing = g_dbus_connection_signal_subscribe(
      this->bus, service, interface, NULL, path, NULL, G_DBUS_SIGNAL_FLAGS_NONE, heard, this, NULL);
  if (show(this, reads_markup)) {
    this->end = OSR_QUESTION_UNANSWERED;
    this->is_there = TRUE;
    this->receiver.shown(this->receiver.context);
    guint watching = g_bus_watch_name_on_connection(
        this->bus, service, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, daemon_ended, this, NULL);
    GSource *withdrawal = g_cancellable_source_new(this->withdrawn);
    g_source_set_callback(withdrawal, G_SOURCE_FUNC(was_withdrawn), this, NULL);
    g_source_attach(withdrawal, this->context);
    g_main_loop_run(this->loop);
    g_source_destroy(withdrawal);
    g_source_unref(withdrawal);
    g_bus_unwatch_name(watching);
    if (this->is_there) {
      GVariant *answer = g_dbus_connection_call_sync(
          this->bus, service, path, interface, "CloseNotification", g_variant_new("(u)", this->id), NULL,
          G_DBUS_CALL_FLAGS_NO_AUTO_START, PARTING_MS, NULL, NULL);
      if (answer != NULL) g_variant_unref(answer);
    }
  }
  g_dbus_connection_signal_unsubscribe(this->bus, hearing);
}

static void free_question(osr_question *this) {
  g_main_loop_unref(this->loop);
  g_main_context_unref(this->context);
  g_object_unref(this->withdrawn);
  gchar *texts[] = {this->application, this->icon, this->title, this->text, this->first, this->second};
  for (gsize each = 0; each < G_N_ELEMENTS(texts); each++) g_free(texts[each]);
  g_free(this);
}

void osr_question_release(osr_question *question) {
  if (g_atomic_ref_count_dec(&question->holders)) free_question(question);
}

void osr_question_withdraw(osr_question *question) { g_cancellable_cancel(question->withdrawn); }

static gpointer ask(gpointer data) {
  osr_question *this = data;
  g_main_context_push_thread_default(this->context);
  gchar *address = bus_address();
  if (address != NULL) {
    this->bus = g_dbus_connection_new_for_address_sync(
        address,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        this->withdrawn, NULL);
    g_free(address);
  }
  if (this->bus != NULL) {
    gboolean reads_markup = FALSE;
    if (can_ask(this, &reads_markup)) wait_for_word(this, reads_markup);
    g_dbus_connection_close_sync(this->bus, NULL, NULL);
    g_clear_object(&this->bus);
  }
  g_main_context_pop_thread_default(this->context);
  this->receiver.ended(this->receiver.context, this->end);
  osr_question_release(this);
  return NULL;
}

osr_question *osr_question_ask(
    const char *application, const char *icon, const char *title, const char *text, const char *first,
    const char *second, const osr_question_receiver *receiver) {
  osr_question *this = g_new0(osr_question, 1);
  g_atomic_ref_count_init(&this->holders);
  g_atomic_ref_count_inc(&this->holders);
  this->receiver = *receiver;
  this->application = g_strdup(application);
  this->icon = g_strdup(icon);
  this->title = g_strdup(title);
  this->text = g_strdup(text);
  this->first = g_strdup(first);
  this->second = g_strdup(second);
  this->withdrawn = g_cancellable_new();
  this->context = g_main_context_new();
  this->loop = g_main_loop_new(this->context, FALSE);
  this->end = OSR_QUESTION_UNSHOWN;
  g_thread_unref(g_thread_new("desktop-question", ask, this));
  return this;
}
