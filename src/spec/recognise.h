/* recognise.h - the protocol of a server, by its port, its socket's path or its first bytes. */
#ifndef SPEC_RECOGNISE_H
#define SPEC_RECOGNISE_H

#include <stdbool.h>
#include <stddef.h>

#include "vaurien.h"

/* NULL: it is none that is known; or no such protocol is loaded. */
const struct vn_protocol *protocol_by_port(int port);
const struct vn_protocol *protocol_by_path(const char *path);

/* By what the server or the client sends first. `sure`: no more bytes can change the answer. */
const struct vn_protocol *protocol_by_bytes(const char *bytes, size_t n, bool from_server,
                                            bool *sure);

/* Does the client begin TLS? 6 bytes show it. */
bool bytes_are_tls(const char *bytes, size_t n);

/* The usual port of a protocol. 0: it has none. */
int protocol_port(const struct vn_protocol *);

#endif
