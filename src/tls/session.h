/* session.h - the backend leg: whom a handshake is for, and the sessions that it resumes. */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "spec/spec.h"

struct ssl_st;
struct ssl_ctx_st;

/* Before the handshake: server name, name to verify, ALPN, and the session to resume.
 * `client_name`, `client_alpn`: of the client's hello; "": none. False: no memory. */
bool tls_dial(struct ssl_st *, const char *client_name, const char *client_alpn);

/* Does this leg need the client's hello before it can be dialled? */
bool tls_dial_waits(const struct tls_leg *, const struct spec *);

/* Before an SSL of either leg is freed whose handshake was done: its session stays good for
 * resumption, even if the connection ended without close_notify. */
void tls_spare(struct ssl_st *);

/* The leg offers what the client has offered. */
bool tls_alpn_of_client(const struct tls_leg *, const struct vn_protocol *);

void session_keep(struct ssl_ctx_st *, bool resume);    /* of a new context */

#endif
