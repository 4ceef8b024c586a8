/* unix_socket.h - files of unix sockets: which belong to this process, and which are stale.
 *
 * Only sockets are unlinked, never other files. No test connects to a socket: a listener would
 * count such a connection. Control thread only. */
#ifndef NET_UNIX_SOCKET_H
#define NET_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/address.h"

/* The file of a path that was bound. All zero: none. */
struct unix_file { dev_t device; ino_t inode; };

/* Returns the path, inside the endpoint. NULL: not a unix socket with a path. */
const char *unix_socket_path(const struct endpoint *);

/* After bind(): stores the file that it made, if that is still at the path. */
void unix_file_note(struct unix_file *, int fd, const char *path);

/* Removes the file if it is still the one that was bound. `path` may be NULL. */
void unix_file_unlink(const struct unix_file *, const char *path);

/* Removes a socket that no process has open. False: there is no such socket, it is in use, or the
 * kernel gives no answer. It cannot see processes of other network namespaces. */
bool unix_socket_remove_stale(const char *path);

#endif
