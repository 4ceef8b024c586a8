/* context.h - the SSL_CTX of a leg of a proxy, in one worker.
 *
 * A worker has one `struct tls_contexts`. All functions run in its thread, and none reads a file or
 * waits. A context is made when its leg is first needed, and made anew when the leg is another one.
 * OpenSSL's types appear as incomplete structs. */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "spec/spec.h"
#include "tls/session.h"                /* of the backend leg */

struct ssl_st;
struct ssl_ctx_st;

/* The ClientHello of `ssl` was read. Returns as SSL_client_hello_cb_fn: SSL_CLIENT_HELLO_SUCCESS,
 * _ERROR with *alert, or _RETRY. */
typedef int tls_hello_fn(struct ssl_st *ssl, int *alert);

struct tls_contexts;
struct tls_contexts *tls_contexts_create(tls_hello_fn *);       /* owned by the worker */
void tls_contexts_destroy(struct tls_contexts *);               /* when no SSL is left */

/* The context of this leg, which is spec->client_tls or spec->backend_tls. It is valid until the
 * next call of this function. NULL: it cannot be made, and the log says why. */
struct tls_context;
struct tls_context *tls_context_get(struct tls_contexts *, const struct tls_leg *,
                                    const struct spec *);

/* A new SSL of it, in accept or connect state, without a BIO. A client leg has no certificate yet:
 * tls_hello_present() sets it. The caller frees it with SSL_free(); it keeps alive what it needs of
 * the context. `owner`: tls_owner(ssl) returns it. NULL: no memory. */
struct ssl_st *tls_context_ssl(struct tls_context *, void *owner);
void *tls_owner(const struct ssl_st *);

/* ---- the client hello callback of the client leg: these read the hello ---- */

/* The checked server name, lower case; "" if there is none, or a bad one. */
void tls_hello_name(struct ssl_st *, char name[TLS_NAME_MAX + 1]);
/* The names of ALPN with commas, "" if there are none; names that do not fit in `room` go. */
void tls_hello_alpn(struct ssl_st *, char *to, size_t room);
void tls_hello_versions(struct ssl_st *, unsigned *lowest, unsigned *highest);
bool tls_hello_resumes(struct ssl_st *);        /* it has a ticket, or a PSK */

/* ---- and these choose the answer ---- */

/* Shows the certificate for this server name, minted if the leg has no file. False: none can be
 * made, and the handshake must end with an internal error. */
bool tls_hello_present(struct ssl_st *, const char *name);

/* ALPN chooses among `names` ("h2,http/1.1"; "": none is chosen), not among the leg's. */
void tls_hello_choose(struct ssl_st *, const char *names);

/* A full handshake, whatever ticket the client has. */
void tls_hello_forget(struct ssl_st *);

#endif
