// DNS-SD over avahi-daemon: services of one type, published, browsed for and resolved, and told by callbacks.
//
// This is avahi's own client library and not its `dns_sd.h`, which prints a warning to standard error in every program
// that uses it, keeps the daemon's renaming to itself, and ends for good with the daemon. Publishing here goes on under
// another name where one is taken, and a link that waits for a daemon is told when one comes.
//
// A link has a thread of its own, on which the callbacks run. They must not call back. Everything else may be called
// from any other thread, one call at a time, and may wait for the daemon.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct osr_dnssd_link osr_dnssd_link;

/// A service is published on every interface.
#define OSR_DNSSD_ANY_INTERFACE (-1)

typedef enum {
  /// There is a bus, and no daemon on it yet.
  OSR_DNSSD_WAITING = 0,
  /// The daemon is there, and settles on a name for the machine: nothing can be published.
  OSR_DNSSD_SETTLING = 1,
  OSR_DNSSD_RUNNING = 2,
  /// The link is good for nothing any more but to be closed.
  OSR_DNSSD_FAILED = 3,
} osr_dnssd_state;

typedef struct {
  void *context;
  /// How the link is. Also called before it is opened.
  void (*link)(void *context, osr_dnssd_state state, int error);
  /// What was published is on the network under `name`; or never will be, with an error.
  void (*published)(void *context, uint64_t number, const char *name, int error);
  /// An instance came (1) or went (0) on one interface and protocol. Names are UTF-8, without dots escaped.
  void (*instance)(
      void *context, int is_there, int32_t interface, int32_t protocol, const char *name, const char *domain);
  /// An instance was resolved, for the first time or again since it changed; `error` is 0 then. `txt` has the form of
  /// DNS: each string after a byte with its length.
  void (*resolved)(
      void *context, uint64_t number, int error, const char *host, const char *address, uint16_t port,
      const uint8_t *txt, size_t txt_length);
} osr_dnssd_events;

/// Opens a link; NULL with an error where there is no system bus.
osr_dnssd_link *osr_dnssd_open(const osr_dnssd_events *events, int *error);

/// Withdraws what was published and ends the link's thread. No callback runs after this.
void osr_dnssd_close(osr_dnssd_link *link);

/// Publishes a service of `type` in `local` under a number that the caller chooses. A name that is taken is changed, as
/// often as `renames` says.
/// - Returns: 0, or an error; nothing is published then.
int osr_dnssd_publish(
    osr_dnssd_link *link, uint64_t number, int32_t interface, const char *name, const char *type, uint16_t port,
    const uint8_t *txt, size_t txt_length, unsigned renames);

/// Replaces what a published service says of itself, under the name that it has.
int osr_dnssd_update(osr_dnssd_link *link, uint64_t number, const uint8_t *txt, size_t txt_length);

void osr_dnssd_withdraw(osr_dnssd_link *link, uint64_t number);

/// Looks for services of `type` in `local`, on all interfaces, for as long as the link is open.
int osr_dnssd_browse(osr_dnssd_link *link, const char *type);

/// Asks where an instance is, and follows its changes, under a number that the caller chooses.
int osr_dnssd_resolve(
    osr_dnssd_link *link, uint64_t number, int32_t interface, int32_t protocol, const char *name,
    const char *type, const char *domain);

void osr_dnssd_stop_resolving(osr_dnssd_link *link, uint64_t number);

/// An error in words; they stay.
const char *osr_dnssd_error_text(int error);
