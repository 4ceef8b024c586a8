/* signals.c - SIGTERM, SIGINT and SIGHUP, in a thread that nothing else can hold up. */
#include "control/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { STACK = 64 * 1024 };             /* bytes */

#define SAME (100 * VN_MS) /* one that comes so soon after the first is no second one */

struct notice {                         /* of one kind of signal, to the control thread */
	struct mail mail;
	bool came;                      /* and the control thread has not been told */
	bool posted;                    /* ... but will be */
};

/* One for the program: a process has one set of signals. */
static struct {
	pthread_mutex_t lock;           /* of all below */
	struct loop *loop;              /* NULL: not yet, or not any more */
	struct signals_user *user;
	struct notice stop, reload;
} signals = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Under the lock. */
static void notice_post(struct notice *n)
{
	if (!signals.loop || !n->came || n->posted)
		return;
	n->posted = true;
	loop_post(signals.loop, &n->mail);
}

static void notice_note(struct notice *n)
{
	pthread_mutex_lock(&signals.lock);
	n->came = true;
	notice_post(n);
	pthread_mutex_unlock(&signals.lock);
}

/* In the control thread. From here on another signal of the kind is another call. */
static void notice_take(struct notice *n)
{
	pthread_mutex_lock(&signals.lock);
	n->came = n->posted = false;
	pthread_mutex_unlock(&signals.lock);
}

static void stop_open(struct mail *m)
{
	notice_take(&signals.stop);
	signals.user->stop(signals.user);
}

static void reload_open(struct mail *m)
{
	notice_take(&signals.reload);
	signals.user->reload(signals.user);
}

/* ---- the thread ---- */

static sigset_t set_of(bool reload)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (reload)
		sigaddset(&set, SIGHUP);
	return set;
}

/* Returns at the second signal that ends, or when the program had its time. timeout(1) and others
 * send the first one twice: to the process, and to its group. */
static void wait_for_end(void)
{
	sigset_t set = set_of(false);
	vn_nsec first = clock_monotonic(), now = first;
	int got = -1;

	while (got < 0 && now < first + SIGNALS_PATIENCE) {
		vn_nsec left = first + SIGNALS_PATIENCE - now;
		struct timespec time = { left / VN_S, left % VN_S };
		got = sigtimedwait(&set, NULL, &time);
		now = clock_monotonic();
		if (now < first + SAME)
			got = -1;
	}
}

static void *signals_main(void *arg)
{
	sigset_t set = set_of(true);
	int got = 0;

	pthread_setname_np(pthread_self(), "signals");
	while (got != SIGTERM && got != SIGINT) {
		got = sigwaitinfo(&set, NULL);
		if (got == SIGHUP)
			notice_note(&signals.reload);
	}
	notice_note(&signals.stop);
	wait_for_end();
	_exit(signals.user->code(signals.user));
}

/* ---- start ---- */

bool signals_start(struct signals_user *user, char error[ERROR_MAX])
{
	sigset_t set = set_of(true);
	pthread_attr_t how;
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signals.user = user;
	signals.stop.mail.open = stop_open;
	signals.reload.mail.open = reload_open;
	pthread_attr_init(&how);
	pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&how, STACK);
	int why = pthread_create(&thread, &how, signals_main, NULL);
	pthread_attr_destroy(&how);
	if (why)
		error_format(error, "cannot start a thread: %s", strerror(why));
	return !why;
}

void signals_set_loop(struct loop *loop)
{
	pthread_mutex_lock(&signals.lock);
	signals.loop = loop;
	notice_post(&signals.stop);
	notice_post(&signals.reload);
	pthread_mutex_unlock(&signals.lock);
}
