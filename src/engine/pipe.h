/* pipe.h - one direction of a connection: fill, cut, judge, schedule, send.
 *
 *   from -> [ rest: read, not cut ] -> message under way -> [ queue: judged, in order ] -> [ duct ] -> to
 *
 * Calm bytes with nothing before them go from the worker's shared buffer straight to `to`; only what
 * must wait is copied. Calm bulk does not even enter the buffer: it goes by a duct, in the kernel. Both
 * directions are this one thing. */
#ifndef ENGINE_PIPE_H
#define ENGINE_PIPE_H

#include "engine/exchange.h"
#include "base/loop.h"

struct conn;
struct side;

enum { REST_MAX = 65536 };              /* an incomplete head; beyond, the connection goes raw */

struct current {                        /* the message under way */
	bool open;
	uint64_t body;                  /* bytes of its last cut that are still to come */
	bool last;                      /* with them it is done */
	enum vn_role role;
	bool gone;                      /* its bytes go nowhere: dropped, refused, or a substitute's answer */
	uint64_t keep;                  /* so many more pass; UINT64_MAX: all */
	struct vn_dirt dirt;               /* for its first piece */
	enum vn_end end;                   /* strikes behind it */
	struct holds *holds;
	struct exchange *exchange;      /* request: the one it opened, where that minds; response: the one it answers */
};

struct pipe_work {                           /* what a pipe needs while something goes on in it; see pipe_work_acquire */
	struct pipe *pipe;
	struct queue queue;
	struct current now, sequel;     /* the latter is under way when the former is done */
	uint8_t *run; size_t run_n;     /* calm bytes that travel together, still in the worker's buffer */
	uint8_t *rest;                  /* REST_MAX bytes or more, only while needed */
	size_t rest_n;
	struct splice_pipe *splice_pipe;              /* holds bytes that stand before all of the queue; NULL: none do */
	vn_nsec line_free;                 /* pace: when the line is free again */
	size_t slot; vn_nsec slot_end;     /* ... so many bytes are on it, and have passed it then */
	bool behind;                    /* bytes of `from` wait there for this pipe */
	bool halted, resumes;           /* what `rest` is hangs on an answer | ... which has come */
	struct timer timer;             /* for the queue's first parcel */
};

struct pipe {                           /* what is left of it when it is calm: most of them are, most of the time */
	struct conn *conn;
	struct pipe_work *work;              /* its own, or that of all calm ones, which nobody may write to */
	uint64_t came, offset, sent;    /* bytes read, bytes cut and judged, bytes sent, of the whole stream */
	uint8_t direction;              /* enum vn_direction */
	uint8_t bulk;                   /* big reads in succession */
	bool eof;                       /* `from` has said all */
	bool shut;                      /* ... and `to` knows */
	bool raw;                       /* no messages are cut (any more) */
	bool ended;                     /* nothing more is read: an end waits its turn */
};

struct work_pool { struct pipe_work *spare; unsigned spares; };         /* a worker's, that nobody needs at the moment */

void pipe_init(struct pipe *, struct conn *, enum vn_direction);
void pipe_free(struct pipe *);          /* all it holds; its `busy` may still be looked at until ... */
void pipe_work_release(struct pipe *);         /* ... it is given back, if there is nothing in it */
void pipe_work_acquire(struct pipe *);          /* before its `busy` is written to */
void work_pool_free(struct work_pool *);

void pipe_pump(struct pipe *);          /* go as far as it goes, whatever happened */
void pipe_change(struct pipe *, const struct plan *);   /* rules that went let go; their bytes move at the next pump */

/* Behind all that is in this direction's stream so far: */
void pipe_insert(struct pipe *, struct vn_span bytes, struct exchange *, struct holds *);       /* these, a message of ours: the rules are asked of its bytes as of all others */
void pipe_mark(struct pipe *, struct exchange *);               /* it is `sent` when all before has gone */
void pipe_answer(struct pipe *, vn_nsec began);    /* an exchange of then is answered, when all before has gone */
void pipe_end(struct pipe *, enum vn_end);                         /* the connection ends; nothing more is read of it */
void pipe_open(struct pipe *, const struct vn_message *);          /* a message begins, calm so far */
void message_forget(struct current *);
void pipe_wake(struct pipe *);          /* something was answered: what waits for that is looked at again */

bool pipe_waits(const struct pipe *);   /* something has been read and not been sent */
bool pipe_asks(const struct pipe *);    /* some rule wants to see each piece of the message under way */
bool pipe_due(const struct pipe *);     /* something is to be sent now, but there is no room */
bool pipe_stuck(const struct pipe *);   /* something waits here that no time will move */
bool pipe_idle(const struct pipe *);    /* between messages, and nothing waits */

#endif
