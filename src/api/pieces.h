/* pieces.h - an answer of any length, made piece by piece while it is sent.
 *
 * What fits into one batch is sent as a whole, with its length, as it was at one moment. The
 * rest of a longer one is made when the client has taken what was made before, and a few batches
 * in each turn of the loop: the memory is bounded, and other clients have their turn between.
 * Control thread only. */
#ifndef API_PIECES_H
#define API_PIECES_H

#include <stdio.h>

#include "api/request.h"

struct pieces {                         /* the handler's memory, until `gone` */
	/* Write the next piece. False: it was the last one. */
	bool (*next)(struct pieces *, FILE *to);
	void (*gone)(struct pieces *);  /* the last call: frees it */

	/* ---- pieces.c's ---- */
	struct stream stream;
	char *text;                     /* the batch */
	size_t n, at;
	bool whole;                     /* the last piece is in it, or was */
	struct turns *turns;            /* of its server */
	bool granted;                   /* it may make a batch: it has waited for its turn */
	struct pieces *next_turn, **link;       /* in the queue; link NULL: not in it */
};

/* A turn of the loop begins: the answers that have waited longest may go on. */
void pieces_turn(struct http *);

void request_pieces(struct request *, unsigned status, const char *type, struct pieces *);

#endif
