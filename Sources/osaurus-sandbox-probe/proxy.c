#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int proxy(void) {
  int file = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in where = {
      .sin_family = AF_INET,
      .sin_port = htons((uint16_t)bait_number("BAIT_PROXY")),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  // Without a proxy there is nothing to tell.
  if (file < 0 || connect(file, (struct sockaddr *)&where, sizeof where) != 0) _exit(NOT_APPLICABLE);
  return file;
}

// Whether the proxy did for us what was asked, or tried to. It refuses with 400 or 403, and says nothing else when it does not
// even look for the host.
static enum outcome asked(const char *request) {
  int file = proxy();
  if (write(file, request, strlen(request)) < 0) return STOPPED;
  char answer[64] = {0};
  size_t length = 0;
  while (length < 12) {
    ssize_t count = read(file, answer + length, sizeof answer - 1 - length);
    if (count <= 0) break;
    length += (size_t)count;
  }
  if (length < 12 || strncmp(answer, "HTTP/1.", 7) != 0) return STOPPED;
  long status = strtol(answer + 9, NULL, 10);
  return status == 400 || status == 403 ? STOPPED : ESCAPED;
}

// `%p` of a request is the port of the bait.
static enum outcome ask(const char *form) {
  char request[1024] = {0};
  size_t length = 0;
  for (; *form != 0 && length < sizeof request - 8; form++) {
    if (form[0] == '%' && form[1] == 'p') {
      length += (size_t)snprintf(request + length, 8, "%ld", bait_number("BAIT_PORT"));
      form++;
    } else {
      request[length++] = *form;
    }
  }
  return asked(request);
}

#define CONNECT_TO(target) "CONNECT " target " HTTP/1.1\r\nHost: " target "\r\n\r\n"
#define GET_FROM(url) "GET " url " HTTP/1.1\r\nHost: www.listed.example\r\n\r\n"

static const struct {
  const char *name, *form;
} FORMS[] = {
    {"loopback", CONNECT_TO("127.0.0.1:%p")},
    {"loopback-in-decimal", CONNECT_TO("2130706433:%p")},
    {"loopback-in-octal", CONNECT_TO("0177.0.0.01:%p")},
    {"loopback-in-hexadecimal", CONNECT_TO("0x7f000001:%p")},
    {"loopback-in-short", CONNECT_TO("127.1:%p")},
    {"loopback-in-mixed-notation", CONNECT_TO("0x7f.0.01:%p")},
    {"loopback-with-a-dot-at-its-end", CONNECT_TO("127.0.0.1.:%p")},
    {"another-address-of-loopback", CONNECT_TO("127.12.34.56:%p")},
    {"any-address", CONNECT_TO("0.0.0.0:%p")},
    {"any-address-in-short", CONNECT_TO("0:%p")},
    {"localhost", CONNECT_TO("localhost:%p")},
    {"localhost-with-a-dot-at-its-end", CONNECT_TO("localhost.:%p")},
    {"loopback-as-version-six", CONNECT_TO("[::1]:%p")},
    {"mapped-loopback", CONNECT_TO("[::ffff:127.0.0.1]:%p")},
    {"mapped-loopback-in-hexadecimal", CONNECT_TO("[::ffff:7f00:1]:%p")},
    {"compatible-loopback", CONNECT_TO("[::127.0.0.1]:%p")},
    {"translated-loopback", CONNECT_TO("[64:ff9b::127.0.0.1]:%p")},
    {"tunnelled-loopback", CONNECT_TO("[2002:7f00:1::1]:%p")},
    {"loopback-with-a-zone", CONNECT_TO("[::1%lo]:%p")},
    {"loopback-behind-a-user", GET_FROM("http://user@127.0.0.1:%p/")},
    {"loopback-behind-a-listed-user", GET_FROM("http://www.listed.example:80@127.0.0.1:%p/")},
    {"loopback-behind-a-password", CONNECT_TO("www.listed.example:443@127.0.0.1:%p")},
    {"loopback-in-percent-notation", GET_FROM("http://%31%32%37.0.0.1:%p/")},
    {"loopback-as-a-path", GET_FROM("http:///127.0.0.1:%p/")},
    {"loopback-behind-a-fragment", GET_FROM("http://www.listed.example:80#@127.0.0.1:%p/")},
    {"loopback-behind-a-backslash", GET_FROM("http://www.listed.example:80\\@127.0.0.1:%p/")},
    {"loopback-by-the-host-field", "GET / HTTP/1.1\r\nHost: 127.0.0.1:%p\r\n\r\n"},
    {"the-metadata-service", CONNECT_TO("169.254.169.254:80")},
    {"the-metadata-service-in-decimal", CONNECT_TO("2852039166:80")},
    {"the-metadata-service-in-octal", CONNECT_TO("0251.0376.0251.0376:80")},
    {"the-metadata-service-in-hexadecimal", CONNECT_TO("0xa9fea9fe:80")},
    {"the-metadata-service-in-short", CONNECT_TO("169.254.43518:80")},
    {"the-mapped-metadata-service", CONNECT_TO("[::ffff:a9fe:a9fe]:80")},
    {"the-metadata-service-of-version-six", CONNECT_TO("[fd00:ec2::254]:80")},
    {"the-metadata-service-in-wide-digits", GET_FROM("http://\xef\xbc\x91\xef\xbc\x96\xef\xbc\x99.254.169.254/")},
    {"a-private-address", CONNECT_TO("10.0.0.1:443")},
    {"a-link-local-address", CONNECT_TO("[fe80::1]:443")},
    {"the-proxy-itself", CONNECT_TO("127.0.0.1:3128")},
    {"a-name-of-loopback", CONNECT_TO("loopback.listed.example:443")},
    {"a-name-of-loopback-six", CONNECT_TO("loopback-six.listed.example:443")},
    {"a-name-of-mapped-loopback", CONNECT_TO("mapped.listed.example:443")},
    {"a-name-of-a-private-address", CONNECT_TO("private.listed.example:443")},
    {"a-name-of-the-metadata-service", CONNECT_TO("metadata.listed.example:80")},
    {"a-name-of-the-metadata-service-of-version-six", CONNECT_TO("metadata-six.listed.example:80")},
    {"a-name-of-a-carriers-address", CONNECT_TO("carrier.listed.example:443")},
    {"a-name-of-any-address", CONNECT_TO("unspecified.listed.example:443")},
    {"a-name-of-translated-loopback", CONNECT_TO("translated.listed.example:443")},
    {"a-name-of-tunnelled-loopback", CONNECT_TO("tunnelled.listed.example:443")},
    {"a-name-of-multicast", CONNECT_TO("multicast.listed.example:443")},
    {"a-name-of-broadcast", CONNECT_TO("broadcast.listed.example:443")},
    {"a-name-of-a-link-local-address", CONNECT_TO("link-local.listed.example:443")},
    {"a-name-of-loopback-over-http", GET_FROM("http://loopback.listed.example/")},
    {"a-name-that-is-not-listed", CONNECT_TO("loopback.other.example:443")},
    {"a-name-that-only-ends-so", CONNECT_TO("loopback.unlisted.example:443")},
    {"the-listed-name-itself", CONNECT_TO("listed.example:443")},
    {"another-port-of-a-listed-name", CONNECT_TO("loopback.listed.example:%p")},
    {"a-name-in-other-letters", CONNECT_TO("LOOPBACK.Listed.Example.:443")},
};

int ask_the_proxy(const char *name) {
  static const char beginning[] = "ask-the-proxy-for-";
  if (strncmp(name, beginning, sizeof beginning - 1) != 0) return -1;
  for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++)
    if (strcmp(name + sizeof beginning - 1, FORMS[i].name) == 0) return (int)ask(FORMS[i].form);
  return -1;
}
