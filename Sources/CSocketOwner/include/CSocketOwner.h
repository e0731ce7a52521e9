// Whose a TCP connection on this machine is, by the kernel's word (sock_diag(7)).
#pragma once
#include <stdint.h>

/// Asks for the user of the socket at the IPv4 address `from`, which is connected to `to`; both are `struct sockaddr_in`.
/// - Returns: 0, or an errno: ENOENT where there is no such socket any more.
int osr_socket_owner(const void *from, const void *to, uint32_t *user);
