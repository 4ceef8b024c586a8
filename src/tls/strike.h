/* strike.h - carries out a struct vn_tls: what rules do to a handshake of the client leg.
 *
 * A link owns its strike, and tells it of the bytes that OpenSSL writes and reads. The strike edits
 * them, and says how many may leave. It has no clock and no socket: the engine drops the parts
 * whose time has come, or whose rule is gone, and ends the connection when the strike says so.
 *
 *   client hello callback -> tls_strike_hello()    certificate, versions, ciphers, ALPN ...
 *   OpenSSL writes        -> tls_strike_wrote()    the bytes that leave in their place
 *   they are to be sent   -> tls_strike_allows()   how many of those that wait may leave
 *   they were sent        -> tls_strike_left()     then tls_strike_end() may be due
 *   OpenSSL reads         -> tls_strike_reads()    of bytes from the client
 *   plain bytes to write  -> tls_strike_plain()    how many of them the next SSL_write() gets
 *
 * Without a rule there is no strike, and none of these is called. */
#ifndef TLS_STRIKE_H
#define TLS_STRIKE_H

#include "vaurien.h"

struct ssl_st;
struct tls_strike;

enum tls_part { TLS_STALL, TLS_LATE, TLS_BREAK, TLS_TRUNCATE, TLS_CORRUPT,
	TLS_REFUSE,                     /* of the upgrade: no strike has it */
	TLS_PARTS };

/* In the client hello callback, behind tls_hello_present(). `name`: of the server, checked; "":
 * none. `plain`: see vn_protocol.plain_answer. Returns what the callback returns: 1, or 0 with
 * *alert. *strike is set, to be freed; NULL: the rest of the handshake is as ever. What cannot be
 * carried out is logged, and ends the handshake with internal_error. */
int tls_strike_hello(struct ssl_st *, const struct vn_tls *, const char *name,
                     struct vn_span plain, struct tls_strike *strike[1], int *alert);
void tls_strike_free(struct tls_strike *);      /* NULL is ignored */

/* Each byte that OpenSSL writes, once and in order. Returns what takes its place, valid until the
 * next call; perhaps nothing. */
struct vn_span tls_strike_wrote(struct tls_strike *, const struct ssl_st *, struct vn_span);

/* Each byte that OpenSSL gets from the client, once and in order. They may be edited. */
void tls_strike_reads(struct tls_strike *, const struct ssl_st *, uint8_t *bytes, size_t n);

/* Of the n bytes that wait to leave, so many may. */
size_t tls_strike_allows(struct tls_strike *, size_t n);
void tls_strike_left(struct tls_strike *, size_t n);

/* Of n plain bytes, the next SSL_write() gets so many; at least 1. */
size_t tls_strike_plain(struct tls_strike *, size_t n);

/* VN_STAY; or the connection ends now, so. */
enum vn_end tls_strike_end(const struct tls_strike *);

/* The stream ends without close_notify. */
bool tls_strike_mute(const struct tls_strike *);

/* Bytes wait at the place of this part: TLS_STALL, TLS_LATE. */
bool tls_strike_waits(const struct tls_strike *, enum tls_part);

/* The part's rule is gone, or its time has come: bytes may leave that could not. */
void tls_strike_drop(struct tls_strike *, enum tls_part);

/* How many may wait at a place is the link's to say: it is not writable meanwhile. */

#endif
