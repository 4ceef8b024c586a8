/* tls_told.h - what is told of a connection's TLS: counters, events, lines of the log. */
#ifndef ENGINE_TLS_TOLD_H
#define ENGINE_TLS_TOLD_H

#include "engine/engine.h"

/* Why a client without TLS is rejected. */
#define TLS_TOLD_PLAIN "the client does not use TLS, and client_tls is require"

/* A leg's handshake, which began then, is done. `leg`: VN_LEG_... */
void tls_told_done(struct conn *, unsigned leg, vn_nsec since);

/* It has failed, or a record of it was bad. `reason`: a label of tls/alert.h. */
void tls_told_failed(struct conn *, unsigned leg, const char *reason, const char *why);

/* The protocol rejects a client without TLS by an error of its own. The first call counts. */
void tls_told_plain(struct conn *);

/* The peer has ended its stream without close_notify. */
void tls_told_truncated(struct conn *, unsigned leg);

#endif
