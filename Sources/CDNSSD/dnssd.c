#include "CDNSSD.h"

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/thread-watch.h>
#include <stdlib.h>
#include <string.h>

static const char domain[] = "local";

typedef struct publication {
  struct publication *next;
  osr_dnssd_link *link;
  uint64_t number;
  AvahiEntryGroup *group;
  AvahiIfIndex interface;
  char *name;
  char *type;
  uint16_t port;
  AvahiStringList *txt;
  unsigned renames;
} publication;

typedef struct resolution {
  struct resolution *next;
  osr_dnssd_link *link;
  uint64_t number;
  AvahiServiceResolver *resolver;
} resolution;

struct osr_dnssd_link {
  osr_dnssd_events events;
  AvahiThreadedPoll *poll;
  AvahiClient *client;
  AvahiServiceBrowser *browser;
  publication *publications;
  resolution *resolutions;
};

// The link.

static void client_changed(AvahiClient *client, AvahiClientState state, void *data) {
  osr_dnssd_link *link = data;
  osr_dnssd_state told = OSR_DNSSD_FAILED;
  switch (state) {
    case AVAHI_CLIENT_CONNECTING: told = OSR_DNSSD_WAITING; break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION: told = OSR_DNSSD_SETTLING; break;
    case AVAHI_CLIENT_S_RUNNING: told = OSR_DNSSD_RUNNING; break;
    case AVAHI_CLIENT_FAILURE: told = OSR_DNSSD_FAILED; break;
  }
  link->events.link(link->events.context, told, told == OSR_DNSSD_FAILED ? avahi_client_errno(client) : 0);
}

osr_dnssd_link *osr_dnssd_open(const osr_dnssd_events *events, int *error) {
  *error = AVAHI_ERR_NO_MEMORY;
  osr_dnssd_link *link = calloc(1, sizeof *link);
  if (!link) return NULL;
  link->events = *events;
  link->poll = avahi_threaded_poll_new();
  if (link->poll) {
    link->client = avahi_client_new(
        avahi_threaded_poll_get(link->poll), AVAHI_CLIENT_NO_FAIL, client_changed, link, error);
    if (link->client && avahi_threaded_poll_start(link->poll) == 0) return link;
  }
  if (link->client) avahi_client_free(link->client);
  if (link->poll) avahi_threaded_poll_free(link->poll);
  free(link);
  return NULL;
}

static void free_publication(publication *it) {
  avahi_string_list_free(it->txt);
  avahi_free(it->name);
  avahi_free(it->type);
  free(it);
}

void osr_dnssd_close(osr_dnssd_link *link) {
  avahi_threaded_poll_stop(link->poll);
  // Frees its browsers, resolvers and groups.
  avahi_client_free(link->client);
  avahi_threaded_poll_free(link->poll);
  for (publication *it = link->publications, *next; it; it = next) {
    next = it->next;
    free_publication(it);
  }
  for (resolution *it = link->resolutions, *next; it; it = next) {
    next = it->next;
    free(it);
  }
  free(link);
}

const char *osr_dnssd_error_text(int error) { return avahi_strerror(error); }

// Publishing.

static int rename_publication(publication *it) {
  if (it->renames == 0) return AVAHI_ERR_COLLISION;
  it->renames -= 1;
  char *other = avahi_alternative_service_name(it->name);
  if (!other) return AVAHI_ERR_NO_MEMORY;
  avahi_free(it->name);
  it->name = other;
  return avahi_entry_group_reset(it->group);
}

static int announce(publication *it) {
  int error;
  while ((error = avahi_entry_group_add_service_strlst(
              it->group, it->interface, AVAHI_PROTO_UNSPEC, 0, it->name, it->type, domain, NULL, it->port,
              it->txt)) == AVAHI_ERR_COLLISION)
    if ((error = rename_publication(it)) < 0) return error;
  return error < 0 ? error : avahi_entry_group_commit(it->group);
}

static void group_changed(AvahiEntryGroup *group, AvahiEntryGroupState state, void *data) {
  publication *it = data;
  osr_dnssd_events *events = &it->link->events;
  // Its first call comes while the group is being made.
  it->group = group;
  int error = 0;
  switch (state) {
    case AVAHI_ENTRY_GROUP_UNCOMMITED:
    case AVAHI_ENTRY_GROUP_REGISTERING: return;
    case AVAHI_ENTRY_GROUP_ESTABLISHED: break;
    case AVAHI_ENTRY_GROUP_COLLISION:
      error = rename_publication(it);
      if (error >= 0) error = announce(it);
      if (error >= 0) return;
      break;
    case AVAHI_ENTRY_GROUP_FAILURE: error = avahi_client_errno(avahi_entry_group_get_client(group)); break;
  }
  events->published(events->context, it->number, it->name, error);
}

static int parse_txt(const uint8_t *txt, size_t length, AvahiStringList **list) {
  *list = NULL;
  if (length == 0) return 0;
  return avahi_string_list_parse(txt, length, list) < 0 ? AVAHI_ERR_INVALID_RECORD : 0;
}

int osr_dnssd_publish(
    osr_dnssd_link *link, uint64_t number, int32_t interface, const char *name, const char *type, uint16_t port,
    const uint8_t *txt, size_t txt_length, unsigned renames) {
  publication *it = calloc(1, sizeof *it);
  if (!it) return AVAHI_ERR_NO_MEMORY;
  it->link = link;
  it->number = number;
  it->interface = interface == OSR_DNSSD_ANY_INTERFACE ? AVAHI_IF_UNSPEC : interface;
  it->name = avahi_strdup(name);
  it->type = avahi_strdup(type);
  it->port = port;
  it->renames = renames;
  int error = parse_txt(txt, txt_length, &it->txt);
  if (error == 0) {
    avahi_threaded_poll_lock(link->poll);
    it->group = avahi_entry_group_new(link->client, group_changed, it);
    error = it->group ? announce(it) : avahi_client_errno(link->client);
    if (error >= 0) {
      it->next = link->publications;
      link->publications = it;
    } else if (it->group) {
      avahi_entry_group_free(it->group);
    }
    avahi_threaded_poll_unlock(link->poll);
  }
  if (error < 0) free_publication(it);
  return error < 0 ? error : 0;
}

int osr_dnssd_update(osr_dnssd_link *link, uint64_t number, const uint8_t *txt, size_t txt_length) {
  AvahiStringList *list;
  int error = parse_txt(txt, txt_length, &list);
  if (error < 0) return error;
  avahi_threaded_poll_lock(link->poll);
  error = AVAHI_ERR_NOT_FOUND;
  for (publication *it = link->publications; it; it = it->next) {
    if (it->number != number) continue;
    error = avahi_entry_group_update_service_txt_strlst(
        it->group, it->interface, AVAHI_PROTO_UNSPEC, 0, it->name, it->type, domain, list);
    if (error < 0) break;
    avahi_string_list_free(it->txt);
    it->txt = list;
    list = NULL;
    error = 0;
    break;
  }
  avahi_threaded_poll_unlock(link->poll);
  avahi_string_list_free(list);
  return error;
}

void osr_dnssd_withdraw(osr_dnssd_link *link, uint64_t number) {
  avahi_threaded_poll_lock(link->poll);
  for (publication **place = &link->publications; *place; place = &(*place)->next) {
    publication *it = *place;
    if (it->number != number) continue;
    *place = it->next;
    avahi_entry_group_free(it->group);
    free_publication(it);
    break;
  }
  avahi_threaded_poll_unlock(link->poll);
}

// Looking.

static void instance_changed(
    AvahiServiceBrowser *browser, AvahiIfIndex interface, AvahiProtocol protocol, AvahiBrowserEvent event,
    const char *name, const char *type, const char *in, AvahiLookupResultFlags flags, void *data) {
  (void)browser;
  (void)type;
  (void)flags;
  osr_dnssd_link *link = data;
  if (event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE) return;
  link->events.instance(link->events.context, event == AVAHI_BROWSER_NEW, interface, protocol, name, in);
}

int osr_dnssd_browse(osr_dnssd_link *link, const char *type) {
  avahi_threaded_poll_lock(link->poll);
  if (!link->browser)
    link->browser = avahi_service_browser_new(
        link->client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, type, domain, 0, instance_changed, link);
  int error = link->browser ? 0 : avahi_client_errno(link->client);
  avahi_threaded_poll_unlock(link->poll);
  return error;
}

static void instance_resolved(
    AvahiServiceResolver *resolver, AvahiIfIndex interface, AvahiProtocol protocol, AvahiResolverEvent event,
    const char *name, const char *type, const char *in, const char *host, const AvahiAddress *address,
    uint16_t port, AvahiStringList *txt, AvahiLookupResultFlags flags, void *data) {
  (void)interface;
  (void)protocol;
  (void)name;
  (void)type;
  (void)in;
  (void)flags;
  resolution *it = data;
  osr_dnssd_events *events = &it->link->events;
  if (event != AVAHI_RESOLVER_FOUND) {
    int error = avahi_client_errno(avahi_service_resolver_get_client(resolver));
    events->resolved(
        events->context, it->number, error < 0 ? error : AVAHI_ERR_FAILURE, "", "", 0, NULL, 0);
    return;
  }
  char text[AVAHI_ADDRESS_STR_MAX] = "";
  if (address) avahi_address_snprint(text, sizeof text, address);
  // What the daemon hands over has its last string first.
  AvahiStringList *ordered = avahi_string_list_reverse(avahi_string_list_copy(txt));
  size_t length = ordered ? avahi_string_list_serialize(ordered, NULL, 0) : 0;
  uint8_t *bytes = length ? malloc(length) : NULL;
  if (length && bytes) length = avahi_string_list_serialize(ordered, bytes, length);
  avahi_string_list_free(ordered);
  if (length && !bytes) return;
  events->resolved(events->context, it->number, 0, host ? host : "", text, port, bytes, length);
  free(bytes);
}

int osr_dnssd_resolve(
    osr_dnssd_link *link, uint64_t number, int32_t interface, int32_t protocol, const char *name,
    const char *type, const char *in) {
  resolution *it = calloc(1, sizeof *it);
  if (!it) return AVAHI_ERR_NO_MEMORY;
  it->link = link;
  it->number = number;
  avahi_threaded_poll_lock(link->poll);
  it->resolver = avahi_service_resolver_new(
      link->client, interface, protocol, name, type, in, AVAHI_PROTO_UNSPEC, 0, instance_resolved, it);
  int error = it->resolver ? 0 : avahi_client_errno(link->client);
  if (it->resolver) {
    it->next = link->resolutions;
    link->resolutions = it;
  }
  avahi_threaded_poll_unlock(link->poll);
  if (error) free(it);
  return error;
}

void osr_dnssd_stop_resolving(osr_dnssd_link *link, uint64_t number) {
  avahi_threaded_poll_lock(link->poll);
  for (resolution **place = &link->resolutions; *place; place = &(*place)->next) {
    resolution *it = *place;
    if (it->number != number) continue;
    *place = it->next;
    avahi_service_resolver_free(it->resolver);
    free(it);
    break;
  }
  avahi_threaded_poll_unlock(link->poll);
}
