/* dial.h - from a backend's name to a connected socket, without making anyone wait. */
#ifndef DIAL_H
#define DIAL_H

#include "address.h"
#include "loop.h"
#include "resolve.h"

struct dial {
	struct loop *loop;
	struct look look;               /* the name */
	struct watch watch;             /* the socket under way */
	struct timer timer;
	unsigned tried;                 /* of the addresses */
	bool busy;
	int error;                      /* of the last one tried: an errno */
	void (*done)(struct dial *, int fd, const char *why);   /* fd -1: not reached, `why` is a few words */
};

void dial_start(struct dial *, struct loop *, struct resolver *, const struct address *, nsec timeout);
void dial_stop(struct dial *);          /* forgotten; done is not called */

#endif
