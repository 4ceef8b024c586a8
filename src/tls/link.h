/* link.h - TLS of one side of a connection: an SSL between the side's socket and the engine.
 *
 * A side owns its link, in its worker's thread, and frees it before it closes the socket. The link
 * uses the worker's `struct tls_wire` for the bytes of the wire; what it must keep between two
 * calls is its own. No function waits. OpenSSL's types do not appear: link_ssl.h has them.
 *
 * Faults of TLS (tls/strike.h): before the ClientHello is answered, the link calls the judge. What
 * the judge puts into struct vn_tls is carried out by tls_strike_hello() within the callback, and
 * by tls_strike_out() on each record that leaves: link_bio.c calls it for whole records, in order,
 * before the socket gets them. */
#ifndef TLS_LINK_H
#define TLS_LINK_H

#include <sys/types.h>

#include "spec/spec.h"
#include "vaurien.h"

struct tls_leg;
struct tls_link;
struct tls_strike;
struct tls_wire;

/* ---- what all links of a worker share: cipher buffers and contexts ---- */

/* `bufsize`: bytes of one read of a socket. */
struct tls_wire *tls_wire_create(size_t bufsize);
void tls_wire_destroy(struct tls_wire *);       /* when no link is left; NULL is ignored */

enum { TLS_SLACK = 32768 };             /* a read's plain bytes exceed `bufsize` by less */

/* ---- one link ---- */

enum tls_did {
	TLS_DONE,
	TLS_AGAIN,                      /* the peer has to send more, or to read */
	TLS_WAITS,                      /* the judge has not answered the ClientHello yet */
	TLS_END,                        /* the peer has sent close_notify */
	TLS_CUT,                        /* the peer has ended its stream without close_notify */
	TLS_RESET,                      /* the socket is broken */
	TLS_FAILED,                     /* see tls_link_failure(); no call but these may follow:
	                                 * flush, failure, about, free */
};

/* The ClientHello is answered now, or when the handshake is called again; or the connection ends
 * without an answer. */
enum tls_answer { TLS_ANSWER, TLS_ANSWER_LATER, TLS_ANSWER_NOT };

/* Called for each ClientHello of the client leg, and again after TLS_ANSWER_LATER. `tls` is all
 * zero at the first call, and keeps what the judge puts there. `alpn` is set to the only name that
 * may be chosen, "" for none; NULL: the leg's list counts. */
typedef enum tls_answer tls_judge_fn(void *whom, const struct vn_hello *, struct vn_tls *,
                                     const char **alpn);

/* NULL: the leg cannot do TLS, and the log says why. */
struct tls_link *tls_link_accept(struct tls_wire *, int fd, const struct spec *, tls_judge_fn *,
                                 void *whom);
struct tls_link *tls_link_dial(struct tls_wire *, int fd, const struct spec *,
                               const struct vn_hello *client);  /* NULL: the client said none */

/* What rules do to it, from its ClientHello on. NULL: nothing; a link of NULL: the same. */
struct tls_strike *tls_link_strike(const struct tls_link *);

/* Frees it at once. Nothing is sent any more. NULL is ignored. */
void tls_link_free(struct tls_link *);

/* Bytes that were read from the socket before the link was made. */
void tls_link_give(struct tls_link *, const uint8_t *bytes, size_t n);

/* TLS_DONE, TLS_AGAIN, TLS_WAITS, TLS_CUT, TLS_RESET, TLS_FAILED. */
enum tls_did tls_link_handshake(struct tls_link *);

/* Reads up to `room` plain bytes: TLS_DONE and *n > 0; or another outcome and *n = 0. An outcome
 * that comes behind bytes is that of the next call. */
enum tls_did tls_link_read(struct tls_link *, uint8_t *to, size_t room, size_t *n);

/* True if no more can be read until the socket is readable again. `ends`: the peer has ended its
 * stream, so the socket is read to its end. */
bool tls_link_drained(const struct tls_link *, bool ends);

/* Writes all n bytes; what the socket refuses is stuck. TLS_DONE, TLS_FAILED, TLS_RESET. */
enum tls_did tls_link_write(struct tls_link *, const void *bytes, size_t n);

/* Wire bytes that wait for room in the socket. Until they are gone nothing may be written. */
size_t tls_link_stuck(const struct tls_link *);

/* Sends what is stuck: TLS_DONE if nothing is left, TLS_AGAIN, TLS_RESET. */
enum tls_did tls_link_flush(struct tls_link *);

/* Sends close_notify, once. What the socket refuses of it is stuck. */
void tls_link_bye(struct tls_link *);

/* Ends our stream: FIN. What is stuck must be gone. Reading goes on: what OpenSSL would answer to
 * it, such as to a KeyUpdate, is dropped. */
void tls_link_shut(struct tls_link *);

/* ---- what is told ---- */

struct tls_about {
	char version[12], cipher[48];   /* "TLSv1.3", "TLS_AES_128_GCM_SHA256"; "": not yet */
	char alpn[64], name[256];       /* chosen; the server's name. "": none */
	bool resumed;
	bool verified;                  /* the peer has shown a certificate, and it is good */
	char peer[128];                 /* the subject of the peer's certificate; "": none */
};
/* The name that ALPN has chosen; "": none. */
void tls_link_alpn(const struct tls_link *, char *to, size_t room);
void tls_link_about(const struct tls_link *, struct tls_about *);

/* Both have the same certificate: we show the client that of the backend. */
bool tls_link_alike(const struct tls_link *client, const struct tls_link *backend);

/* After TLS_FAILED and TLS_CUT of a handshake. The label for metrics: the name of an alert
 * ("unknown_ca"), "verify", "eof", "reset" or "refused". */
const char *tls_link_failure(const struct tls_link *);
/* And a sentence for the log. */
const char *tls_link_why(const struct tls_link *);

/* Bytes of the wire, both ways, since the last call. */
uint64_t tls_link_wire_bytes(struct tls_link *);

#endif
