/* tls_fields.h - what a proxy wants of TLS on its two legs, as plain data.
 *
 * Control reads the files that the options name, and puts their contents into a leg. So workers
 * read no file. A leg that a published spec has is immutable and counted, like the spec. */
#ifndef SPEC_TLS_FIELDS_H
#define SPEC_TLS_FIELDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_start {                        /* how TLS begins on a leg */
	TLS_START_AUTO,                 /* the protocol's way: protocol->tls_start */
	TLS_START_UPGRADE,
	TLS_START_IMPLICIT,
};

enum tls_verify {                       /* of clients' certificates */
	TLS_VERIFY_OFF,
	TLS_VERIFY_REQUEST,             /* a client may have none, but no bad one */
	TLS_VERIFY_REQUIRE,
};

struct tls_pem {                        /* a file in PEM, as it was read */
	char *file;                     /* its path; NULL: not given, and the rest is 0 */
	char *text;                     /* in secret memory; a 0 is behind it */
	size_t n;
};

struct tls_trust {                      /* certificates that are trusted, parsed: see tls/trust.h */
	_Atomic unsigned refs;
	unsigned char digest[32];       /* of their text */
	void (*free)(struct tls_trust *);
};

enum { TLS_NAME_MAX = 253 };            /* bytes of a DNS name, without the 0 at its end */

struct tls_leg {
	_Atomic unsigned refs;
	uint64_t generation;            /* another number for each leg that was ever made */
	bool backend;                   /* it is the leg to the backend: we are the TLS client */
	bool must;                      /* client_tls = require; backend_tls = verify */
	enum tls_start start;
	struct tls_pem cert, key;       /* cert.file NULL: minted (client leg); none (backend) */
	struct tls_trust *trust;        /* a reference; NULL: nobody is verified */
	char *names;                    /* client leg: of the default leaf, with commas; or NULL */
	bool rsa;                       /* client leg: minted leaves have RSA keys */
	char *alpn;                     /* "h2,http/1.1"; "": none; NULL: the protocol's, or
	                                 * (alpn_client) what the client offered */
	bool alpn_client;
	unsigned lowest, highest;       /* versions, 0x0301 (1.0) to 0x0304 (1.3) */
	char *ciphers;                  /* of 1.2 and below; NULL: the library's */
	char *suites;                   /* of 1.3; NULL: the library's */
	enum tls_verify verify;         /* client leg */
	unsigned tickets;               /* client leg; 0: no resumption in any version */
	bool resume;                    /* backend leg */
	char *name;                     /* backend leg: verified, and sent as SNI unless it is an
	                                 * address; "": the host of the spec's backend; NULL: the
	                                 * client's SNI */
};

struct tls_trust *tls_trust_ref(struct tls_trust *);
void tls_trust_unref(struct tls_trust *);       /* NULL is ignored */

struct tls_leg *tls_leg_make(bool backend);     /* one reference, a new generation */
struct tls_leg *tls_leg_ref(struct tls_leg *);  /* NULL: NULL */
void tls_leg_unref(struct tls_leg *);           /* NULL is ignored */

bool tls_pem_same(const struct tls_pem *, const struct tls_pem *);      /* path and content */

/* All but the generation is alike, contents of files too. NULL is like NULL only. */
bool tls_leg_same(const struct tls_leg *, const struct tls_leg *);

#endif
