/* poller.h - the auditor's event loop: libcurl's transfers, file descriptors and timers.
 *
 * One thread. Transfers, descriptors and timers are parts of their owners' structs; the poller
 * frees none. Callbacks run in poller_round(), outside of libcurl, so they may do anything but
 * call poller_round(). The time is in seconds since poller_init(), on a clock that never goes
 * back. */
#ifndef AUDIT_POLLER_H
#define AUDIT_POLLER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct transfer {                       /* a request that libcurl makes */
	CURL *easy;                     /* the owner's; NULL: none */
	bool running;
	void (*done)(struct transfer *, CURLcode);
};

struct poll_fd {
	int fd;                         /* -1: none */
	void (*readable)(struct poll_fd *);
};

struct poll_timer {                     /* all zero: not set */
	double due;
	bool set;
	void (*fire)(struct poll_timer *);
	struct poll_timer *next;
};

struct poller {
	CURLM *multi;
	struct poll_fd **fds;           /* as many as were ever watched at a time */
	struct curl_waitfd *waits;      /* the same for libcurl */
	size_t n_fds, room;
	struct poll_timer *timers;      /* in no order: they are few */
};

void poller_init(struct poller *);
void poller_free(struct poller *);
double poller_now(void);
double poller_wall(double at);          /* the same moment in seconds since 1970 */

/* Wait for something to happen, at most until then, and call who waited for it. */
void poller_round(struct poller *, double until);

void poller_watch(struct poller *, struct poll_fd *);
void poller_unwatch(struct poller *, struct poll_fd *);         /* before close() */
void poller_set(struct poller *, struct poll_timer *, double due);
void poller_stop(struct poller *, struct poll_timer *);
void poller_begin(struct poller *, struct transfer *);
void poller_cancel(struct poller *, struct transfer *);         /* `done` is not called */

#endif
