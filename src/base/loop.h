/* loop.h - event loop of one thread: file descriptors, timers, and mail from other threads.
 *
 *   one round:  sleep -> sockets -> mail -> timers -> deferred calls
 *
 * A loop belongs to one thread. Only loop_post() may be called from others. Watches, timers and
 * mail are parts of their owners' structs: the loop allocates none, and frees none. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "vaurien.h"
#include "base/wakeup.h"

/* The struct that contains `field`, given a pointer to the field. Callbacks find their owner so. */
#define OWNER(type, field, pointer) \
	((struct type *)((char *)(pointer) - offsetof(struct type, field)))

/* Rare code, kept out of a caller that runs for every message: inlined, it would make that caller
 * save more registers. */
#define SELDOM __attribute__((noinline))

/* A file descriptor and its callback. `events` are EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP and
 * EPOLLERR. */
struct watch {
	int fd;                         /* -1: none */
	void (*ready)(struct watch *, unsigned events);
};

/* All zero: not set. */
struct timer {
	vn_nsec due;                    /* by the loop's clock */
	size_t slot;                    /* index in the heap, from 1; 0: not set */
	void (*fire)(struct timer *);
};

/* Owned by the sender until it is posted, and then by `open`. */
struct mail {
	struct mail *next;
	void (*open)(struct mail *);    /* runs in the receiving thread; frees the mail */
};

struct loop {
	int epoll;
	vn_nsec now;                    /* the clock as of this round */
	vn_nsec woke;                   /* when this round began; 0: no round yet */
	struct histogram rounds;        /* how long each round took */
	vn_nsec (*clock)(void);         /* monotonic, except in tests */
	struct timer **heap;            /* from 1; heap[1] is the next */
	size_t timers, room;            /* entries in the heap, entries allocated */
	struct wakeups wakeups;
	struct mail *later, **later_end;        /* this thread's own, for the end of the round */
	struct watch wake;              /* an eventfd */
	pthread_mutex_t lock;           /* protects `mail` and `mail_end` */
	struct mail *mail, **mail_end;
	bool stop;                      /* loop_run() returns after this round */
};

/* false: errno says why, and there is nothing to free */
bool loop_init(struct loop *);
/* unopened mail is opened first: everyone's last words are heard */
void loop_free(struct loop *);
void loop_run(struct loop *);           /* rounds until ->stop */
bool loop_once(struct loop *, bool wait);       /* one round; false: nothing happened */

/* events as for epoll_ctl, with EPOLLET where that is wanted; false: errno says why: a system
 * limits how many are watched */
bool loop_watch(struct loop *, struct watch *, unsigned events);
/* must come before close(fd) where a dup exists */
void loop_unwatch(struct loop *, struct watch *);

/* Sets or moves the timer. VN_NEVER stops it. No timer fires early. */
void timer_set(struct loop *, struct timer *, vn_nsec due);
void timer_stop(struct loop *, struct timer *);

/* Reads the clock, sets `now`, and returns it. */
vn_nsec loop_clock(struct loop *);

/* From any thread: the loop opens the mail in its own thread. */
void loop_post(struct loop *, struct mail *);

/* From the loop's own thread: the mail is opened at the end of this round. */
void loop_defer(struct loop *, struct mail *);


#endif
