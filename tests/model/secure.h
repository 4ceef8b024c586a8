/* secure.h - TLS of the model's peers, over buffers of what comes from the wire and goes there. */
#ifndef SECURE_H
#define SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secure;

struct secure *secure_make(bool server);
void secure_free(struct secure *);      /* NULL is ignored */

void secure_came(struct secure *, const void *wire, size_t n);
/* Plain bytes of what came, at most `room`; 0: none now. It does the handshake, too. */
size_t secure_read(struct secure *, void *to, size_t room);
/* The handshake is done; the other end has sent close_notify. */
bool secure_done(const struct secure *);
bool secure_ended(const struct secure *);

/* All n plain bytes become records; with new keys before them, of both ends if `both`. */
void secure_write(struct secure *, const void *bytes, size_t n);
void secure_renew(struct secure *, bool both);
void secure_bye(struct secure *);
/* A record was not sent whole: nothing goes any more. */
void secure_break(struct secure *);
/* What is to be sent, at most `room` bytes; each byte once. */
size_t secure_goes(struct secure *, void *to, size_t room);

#endif
