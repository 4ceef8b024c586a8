/* loop.h - one thread's wait: file descriptors, timers, and mail from other threads. */
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

/* The struct whose `field` this points to: how a callback finds its owner. */
#define OWNER(type, field, pointer) \
	((struct type *)((char *)(pointer) - offsetof(struct type, field)))

/* Not made part of its caller, which is called for every message and would have to make room for
 * it. */
#define SELDOM __attribute__((noinline))

struct watch {                          /* a file descriptor and who is told about it */
	int fd;                         /* -1: none */
	/* EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR */
	void (*ready)(struct watch *, unsigned events);
};

struct timer {                          /* zeroed = not set */
	vn_nsec due;
	size_t slot;                    /* place in the heap, from 1 */
	void (*fire)(struct timer *);
};

struct mail {                           /* owned by the sender until posted, by `open` then */
	struct mail *next;
	void (*open)(struct mail *);    /* runs in the receiving thread; frees the mail */
};

struct loop {
	int epoll;
	vn_nsec now;                       /* the clock, as of this round */
	vn_nsec woke;                      /* when this round began; 0: none has */
	struct histogram rounds;        /* how long each took: so long others had to wait */
	vn_nsec (*clock)(void);            /* monotonic unless a test brings its own */
	struct timer **heap;
	size_t timers, room;
	struct wakeups wakeups;
	struct mail *later, **later_end;        /* this thread's own, for the end of this round */
	struct watch wake;              /* an eventfd */
	pthread_mutex_t lock;
	struct mail *mail, **mail_end;  /* under lock */
	bool stop;
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

/* set or moved; VN_NEVER = stopped */
void timer_set(struct loop *, struct timer *, vn_nsec due);
void timer_stop(struct loop *, struct timer *);
vn_nsec loop_clock(struct loop *);         /* the clock read afresh; ->now follows */

void loop_post(struct loop *, struct mail *);   /* from any thread */
/* from the loop's own: opened at the end of this round */
void loop_defer(struct loop *, struct mail *);


#endif
