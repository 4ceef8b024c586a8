/* conn_hello.h - what rules do to TLS of the client leg: a connection asks them, and obeys.
 *
 * A connection owns at most two judgements that are in force, in its `ruled`: on the request for
 * TLS (`upgrade`), by rules that met the connection; and on the handshake (`hello`). */
#ifndef ENGINE_CONN_HELLO_H
#define ENGINE_CONN_HELLO_H

#include "engine/engine.h"
#include "rules/judgement.h"

/* The rules meet a ClientHello, once per connection. *tls is all zero, and gets what is to be done;
 * its texts are valid as long as the connection has rules. */
void conn_judge_hello(struct conn *, const struct vn_hello *, struct vn_tls *tls);

/* The client uses no TLS, though the proxy has it: rules that would strike its handshake count as
 * unreachable. Only the first call counts, and none behind a ClientHello. */
void conn_hello_plain(struct conn *);

/* The client has asked for TLS. True: its handshake may begin. False: a rule stalls it, delays it
 * or has doomed the connection; ask again when the connection runs again. */
bool conn_upgrade_may(struct conn *);

/* What is due by now is done. It may doom the connection. */
void conn_hello_run(struct conn *);

/* A rule stalls or delays the handshake, so its time-out does not count. */
bool conn_hello_holds(const struct conn *);

/* The connection has other rules now. */
void conn_hello_change(struct conn *, const struct plan *to);

#endif
