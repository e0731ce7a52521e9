#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_in place(const char *address, long port) {
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, address, &place.sin_addr);
  return place;
}

static enum outcome connects(const char *address, long port) {
  int file = socket(AF_INET, SOCK_STREAM, 0);
  if (file < 0) return STOPPED;
  struct sockaddr_in where = place(address, port);
  return done(connect(file, (struct sockaddr *)&where, sizeof where));
}

static enum outcome loopback(void) { return connects("127.0.0.1", bait_number("BAIT_PORT")); }
static enum outcome another_stream(void) {
  // MPTCP, and SCTP: both are streams.
  return socket(AF_INET, SOCK_STREAM, 262) >= 0 ? ESCAPED : opened(socket(AF_INET, SOCK_STREAM, 132));
}
static enum outcome any_address(void) { return connects("0.0.0.0", bait_number("BAIT_PORT")); }

static enum outcome loopback_six(void) {
  int file = socket(AF_INET6, SOCK_STREAM, 0);
  if (file < 0) return STOPPED;
  struct sockaddr_in6 where = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)bait_number("BAIT_PORT"))};
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &where.sin6_addr);
  return done(connect(file, (struct sockaddr *)&where, sizeof where));
}

// Nothing is sent: the kernel only says whether there is a way.
static enum outcome has_way(const char *address, long port) {
  int file = socket(AF_INET, SOCK_DGRAM, 0);
  if (file < 0) return STOPPED;
  struct sockaddr_in where = place(address, port);
  return done(connect(file, (struct sockaddr *)&where, sizeof where));
}

static enum outcome metadata(void) { return has_way("169.254.169.254", 80); }
static enum outcome name_server(void) { return has_way("192.0.2.53", 53); }
static enum outcome private_network(void) { return has_way("10.0.0.1", 80); }

static enum outcome datagram(void) {
  int file = socket(AF_INET, SOCK_DGRAM, 0);
  if (file < 0) return STOPPED;
  struct sockaddr_in where = place("127.0.0.1", bait_number("BAIT_DATAGRAM_PORT"));
  connect(file, (struct sockaddr *)&where, sizeof where);
  // What nobody receives comes back as an error.
  if (send(file, "x", 1, 0) != 1) return STOPPED;
  struct pollfd answer = {file, POLLIN, 0};
  poll(&answer, 1, 100);
  return send(file, "x", 1, 0) == 1 ? ESCAPED : STOPPED;
}

static enum outcome serve(void) {
  int file = socket(AF_INET, SOCK_STREAM, 0);
  if (file < 0) return STOPPED;
  struct sockaddr_in where = place("0.0.0.0", 0);
  return bind(file, (struct sockaddr *)&where, sizeof where) == 0 ? done(listen(file, 1)) : STOPPED;
}

static enum outcome abstract_socket(void) {
  struct sockaddr_un where = {.sun_family = AF_UNIX};
  int length = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "%s", bait("BAIT_ABSTRACT"));
  int file = socket(AF_UNIX, SOCK_STREAM, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
  return file < 0 ? STOPPED : done(connect(file, (struct sockaddr *)&where, size));
}

static enum outcome socket_file(void) {
  struct sockaddr_un where = {.sun_family = AF_UNIX};
  snprintf(where.sun_path, sizeof where.sun_path, "%s", bait("BAIT_SOCKET"));
  int file = socket(AF_UNIX, SOCK_STREAM, 0);
  return file < 0 ? STOPPED : done(connect(file, (struct sockaddr *)&where, sizeof where));
}

static enum outcome interfaces(void) {
  struct if_nameindex *all = if_nameindex();
  enum outcome outcome = STOPPED;
  for (struct if_nameindex *one = all; one != NULL && one->if_index != 0; one++)
    if (strcmp(one->if_name, "lo") != 0) outcome = ESCAPED;
  return outcome;
}

static enum outcome family(int family, int type, int protocol) { return opened(socket(family, type, protocol)); }
static enum outcome packets(void) { return family(AF_PACKET, SOCK_RAW, 0); }
static enum outcome raw(void) { return family(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static enum outcome audit(void) { return family(AF_NETLINK, SOCK_RAW, 9); }
static enum outcome filter_link(void) { return family(AF_NETLINK, SOCK_RAW, 12); }
static enum outcome diagnosis(void) { return family(AF_NETLINK, SOCK_RAW, 4); }
static enum outcome events(void) { return family(AF_NETLINK, SOCK_RAW, 15); }
static enum outcome virtual_machine(void) { return family(AF_VSOCK, SOCK_STREAM, 0); }
static enum outcome kernel_crypto(void) { return family(AF_ALG, SOCK_SEQPACKET, 0); }
static enum outcome family_high_bits(void) {
  return opened((int)syscall(SYS_socket, 1UL << 32 | AF_NETLINK, SOCK_RAW, 4));
}

const struct attempt NETWORK_ATTEMPTS[] = {
    {"connect-to-a-service-on-loopback", loopback},
    {"connect-to-any-address", any_address},
    {"connect-to-loopback-as-version-six", loopback_six},
    {"reach-the-metadata-service", metadata},
    {"reach-a-name-server", name_server},
    {"reach-a-private-network", private_network},
    {"send-a-datagram-to-loopback", datagram},
    {"serve-on-every-address", serve},
    {"connect-to-an-abstract-socket", abstract_socket},
    {"connect-to-a-socket-file", socket_file},
    {"connect-by-another-kind-of-stream", another_stream},
    {"see-network-interfaces", interfaces},
    {"open-a-packet-socket", packets},
    {"open-a-raw-socket", raw},
    {"talk-to-the-audit-system", audit},
    {"talk-to-the-packet-filter", filter_link},
    {"look-at-all-sockets", diagnosis},
    {"listen-to-device-events", events},
    {"talk-to-the-hypervisor", virtual_machine},
    {"use-the-kernels-crypto-sockets", kernel_crypto},
    {"name-a-family-with-high-bits-set", family_high_bits},
    {0},
};
