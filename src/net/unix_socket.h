/* unix_socket.h - files of unix sockets: whose they are, and when one may be removed.
 *
 * Only a socket is ever unlinked, never another file. Nobody is connected to for an answer: a ghost
 * connection would count at whoever listens there. */
#ifndef NET_UNIX_SOCKET_H
#define NET_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/address.h"

/* of a path that was bound; all zero: none */
struct unix_file { dev_t device; ino_t inode; };

/* NULL: not a unix socket of the file system */
const char *unix_socket_path(const struct endpoint *);

/* After bind: remember the file that this made, if it is still at the path. */
void unix_file_note(struct unix_file *, int fd, const char *path);

/* Remove the file if it is still the one that was bound; all else stays. */
void unix_file_unlink(const struct unix_file *, const char *path);

/* Remove a socket that no process of this network namespace has open. False: there is no such
 * socket, it is in use, or the kernel does not tell. (Sockets of other network namespaces are not
 * seen.) */
bool unix_socket_remove_stale(const char *path);

#endif
