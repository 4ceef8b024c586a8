/* mysql_tls.h - MySQL's login if only one leg of the connection has TLS.
 *
 * TLS takes a packet, so sequence numbers differ between the legs. And the plugins that send a
 * password in clear in TLS, and by a server's RSA key without it, need our part: with a client in
 * TLS and a plain backend we ask the server for its key, and encrypt; with a plain client and a
 * backend in TLS we have the key, and decrypt. Part of struct mysql; it is in use during a
 * login. */
#ifndef PROTOCOLS_MYSQL_TLS_H
#define PROTOCOLS_MYSQL_TLS_H

#include "vaurien.h"

enum { MYSQL_HEAD = 4, MYSQL_SCRAMBLE = 20 };

struct mysql_tls {
	uint8_t upgraded;               /* VN_LEG_... bits: these legs' TLS began by a request */
	int8_t shift;                   /* the client's sequence numbers are higher by so much */
	uint8_t method;                 /* the plugin that the server has named last */
	uint8_t step;                   /* how far its password is */
	uint16_t waiting;               /* bytes of a password that wait for the server's key */
	uint8_t seq;                    /* sequence number of its packet */
};

void mysql_packet_put(struct vn_buffer *, uint8_t seq, const void *payload, size_t n);

/* One leg has TLS and the other has none, as far as MySQL knows. */
static inline bool mysql_tls_differ(const struct mysql_tls *s)
{
	return s->upgraded == VN_LEG_CLIENT || s->upgraded == VN_LEG_BACKEND;
}

/* The login begins, or is over. */
void mysql_tls_begin(struct mysql_tls *);
void mysql_tls_over(struct mysql_tls *);
void mysql_tls_forget(struct vn_session *);     /* what the text cache has of it */

/* The server names a plugin: in its greeting, and when it wants another one. */
void mysql_tls_method(struct vn_session *, struct mysql_tls *, struct vn_span name,
                      struct vn_span scramble);

/* A packet of the server during a login whose legs differ. Writes what the client is to see of it
 * to the scratch buffer; nothing if it is for us. */
void mysql_tls_answer(struct vn_session *, struct mysql_tls *, struct vn_span packet);

/* A packet of the client that continues such a login. */
struct vn_cut mysql_tls_request(struct vn_session *, struct mysql_tls *, struct vn_span packet);

/* True: the bytes that come next are the rest of a packet, for mysql_tls_password(). */
bool mysql_tls_waits(const struct mysql_tls *);
struct vn_cut mysql_tls_password(struct vn_session *, struct mysql_tls *, struct vn_span in);

#endif
