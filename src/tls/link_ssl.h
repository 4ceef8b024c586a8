/* link_ssl.h - what link.c and link_bio.c share: the struct of a link, with OpenSSL's types. */
#ifndef TLS_LINK_SSL_H
#define TLS_LINK_SSL_H

#include <openssl/ssl.h>

#include "base/buffer.h"
#include "spec/spec.h"

struct tls_contexts;
struct tls_hello;
struct tls_strike;

/* A worker's. Between two calls of a link its buffers are empty. */
struct tls_wire {
	struct tls_contexts *contexts;
	size_t bufsize;
	uint8_t *in;                    /* `bufsize` bytes: of one recv */
	size_t in_at, in_n;             /* those that the SSL has not read */
	struct vn_buffer out;           /* records that the SSL has written */
};

struct bytes { uint8_t *p; size_t at, n; };     /* at..n are left */

struct tls_link {
	SSL *ssl;
	struct tls_wire *wire;
	struct spec *spec;              /* a reference */
	struct tls_hello *hello;        /* of the client leg's handshake; then NULL */
	struct tls_strike *strike;      /* what rules do to it; NULL: nothing */
	struct bytes left;              /* read from the socket, and not by the SSL */
	struct bytes stuck;             /* records for which the socket had no room */
	uint64_t wire_bytes;
	uint32_t shaken;                /* handshake bytes that came before our first answer */
	int fd;
	bool server, done;              /* the client leg; the handshake is done */
	bool received;                  /* by this call: one recv is enough */
	bool drained, empty;            /* the last recv() was a short one; it found nothing */
	bool ends;                      /* an outcome came behind bytes that were read */
	bool eof, broken;               /* of the socket */
	bool flooded;                   /* too many bytes before our first answer */
	bool answers;                   /* something was sent */
	bool bye;                       /* close_notify was sent */
	bool mute;                      /* our stream has ended: what the SSL writes is dropped */
	bool failed;                    /* no call of the SSL is allowed */
	bool theirs;                    /* `alert` came from the peer */
	uint8_t alert;                  /* the last fatal one of either end */
	bool alerted;
	const char *label;              /* see tls_link_failure() */
	char *why;                      /* a sentence; NULL: it has not failed */
};

/* ---- link_bio.c ---- */

/* A BIO over the link's buffers; NULL: no memory. */
BIO *link_bio(struct tls_link *);

/* Keeps what the SSL has not read, and sends what it has written. After each call of the SSL. */
void link_flush(struct tls_link *);

/* Sends what is stuck. False: some is left, or the socket is broken. */
bool link_send_stuck(struct tls_link *);

/* The SSL reads these bytes first. */
void link_keep(struct tls_link *, const uint8_t *bytes, size_t n);

#endif
