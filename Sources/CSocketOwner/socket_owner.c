#include "CSocketOwner.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int ask(int descriptor, const struct inet_diag_req_v2 *wanted) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
  } request = {
      .header =
          {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
      .body = *wanted};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t sent = sendto(
      descriptor, &request, sizeof request, 0, (const struct sockaddr *)&kernel, sizeof kernel);
  return sent == (ssize_t)sizeof request ? 0 : errno;
}

static int answer(int descriptor, const struct inet_diag_req_v2 *wanted, uint32_t *user) {
  union {
    struct nlmsghdr header;
    uint8_t bytes[4096];
  } buffer;
  struct sockaddr_nl sender;
  socklen_t length = sizeof sender;
  ssize_t count = recvfrom(descriptor, &buffer, sizeof buffer, 0, (struct sockaddr *)&sender, &length);
  if (count < 0) return errno;
  // Other processes may send to this socket, too.
  if (length != sizeof sender || sender.nl_pid != 0) return EPROTO;
  if (!NLMSG_OK(&buffer.header, (size_t)count)) return EPROTO;
  if (buffer.header.nlmsg_type == NLMSG_ERROR) {
    const struct nlmsgerr *error = NLMSG_DATA(&buffer.header);
    if (buffer.header.nlmsg_len < NLMSG_LENGTH(sizeof *error)) return EPROTO;
    return error->error < 0 ? -error->error : EPROTO;
  }
  if (buffer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      buffer.header.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
    return EPROTO;
  const struct inet_diag_msg *found = NLMSG_DATA(&buffer.header);
  // Where there is no such connection, the kernel names a socket that listens at its port.
  if (found->idiag_state == TCP_LISTEN || found->id.idiag_sport != wanted->id.idiag_sport ||
      found->id.idiag_dport != wanted->id.idiag_dport)
    return ENOENT;
  // What its process has closed is nobody's any more, and said to be root's.
  if (found->idiag_inode == 0) return ENOENT;
  *user = found->idiag_uid;
  return 0;
}

int osr_socket_owner(const void *from, const void *to, uint32_t *user) {
  struct sockaddr_in source, destination;
  memcpy(&source, from, sizeof source);
  memcpy(&destination, to, sizeof destination);
  if (source.sin_family != AF_INET || destination.sin_family != AF_INET) return EAFNOSUPPORT;
  struct inet_diag_req_v2 wanted = {
      .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = (uint32_t)-1};
  wanted.id.idiag_src[0] = source.sin_addr.s_addr;
  wanted.id.idiag_dst[0] = destination.sin_addr.s_addr;
  wanted.id.idiag_sport = source.sin_port;
  wanted.id.idiag_dport = destination.sin_port;
  wanted.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  wanted.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (descriptor < 0) return errno;
  struct timeval patience = {.tv_sec = 2};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int error = ask(descriptor, &wanted);
  if (error == 0) error = answer(descriptor, &wanted, user);
  close(descriptor);
  return error;
}
