#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int hand_over(int control, int listener) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } room = {0};
  struct iovec letter = {"N", 1};
  struct msghdr message = {
      .msg_iov = &letter, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &listener, sizeof(int));
  return sendmsg(control, &message, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

int proxy_offer(int control, uint64_t port) {
  // bubblewrap has brought the loopback of this namespace up.
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return errno;
  struct sockaddr_in place = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int error = 0;
  if (bind(listener, (struct sockaddr *)&place, sizeof place) != 0 || listen(listener, 256) != 0)
    error = errno;
  if (error == 0) error = hand_over(control, listener);
  close(listener);
  return error;
}
