/* own.h - what we keep for each SSL and each SSL_CTX; freed with it. Only src/tls/ uses it. */
#ifndef TLS_OWN_H
#define TLS_OWN_H

#include <openssl/ssl.h>

#include "spec/spec.h"
#include "tls/leaf.h"
#include "tls/tickets.h"

enum { SESSIONS_MAX = 32 };

struct tls_contexts {                   /* of a worker */
	int (*hello)(SSL *, int *alert);
	struct leaf_cache *leaves;
	struct tls_context *slots[256]; /* by generation */
};

struct tls_context {                    /* freed with its SSL_CTX */
	SSL_CTX *ctx;                   /* the table's reference */
	struct tls_contexts *all;
	struct tls_context *next;       /* in its slot */
	struct tls_leg *leg;            /* a reference */
	char *proxy;                    /* its name */
	/* what follows from the spec, and is renewed with it: */
	char *listen, *backend;         /* as text */
	const struct vn_protocol *protocol;
	char *host;                     /* of the backend; "": a unix socket */
	char *alpn;                     /* "h2,http/1.1"; "": none */
	char **names;                   /* of the default leaf; ends with NULL */
	uint64_t names_hash;
	struct ticket_keys *tickets;    /* client leg */
	struct { char *name; SSL_SESSION *session; } sessions[SESSIONS_MAX];    /* backend leg */
	unsigned next_session;
};

struct own {                            /* of an SSL */
	void *owner;
	char *choose;                   /* ALPN; NULL: the context's */
	char *forced;                   /* ALPN: chosen in any case; "": none; NULL: it is not */
	int reject;                     /* X509_V_ERR_...: of any client certificate; 0: not so */
	bool trusts;                    /* any client certificate is good */
	char *dialled;                  /* the name of its session; NULL: none is kept */
};

void own_begin(void);                   /* before all others; any thread */
bool own_attach(SSL *, struct own *);   /* false: no memory */
bool context_attach(SSL_CTX *, struct tls_context *);

struct own *own_of(const SSL *);
struct tls_context *context_of(const SSL *);

#endif
