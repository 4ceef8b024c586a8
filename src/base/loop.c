/* loop.c - event loop of one thread: file descriptors, timers, and mail from other threads.
 *
 * Descriptors are registered once, edge-triggered. Deadlines are a binary heap of absolute times.
 * The loop sleeps with epoll_pwait2, because delays must be exact to less than a millisecond. */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

static void wake_ready(struct watch *w, unsigned events)
{
	uint64_t n;

	while (read(w->fd, &n, sizeof n) > 0)
		;
}

static bool loop_open(struct loop *l)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = (struct watch){ eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), wake_ready };
	return l->epoll >= 0 && l->wake.fd >= 0 && loop_watch(l, &l->wake, EPOLLIN | EPOLLET);
}

static void loop_close(struct loop *l)
{
	if (l->wake.fd >= 0)
		close(l->wake.fd);
	if (l->epoll >= 0)
		close(l->epoll);
}

bool loop_init(struct loop *l)
{
	*l = (struct loop){ .clock = clock_monotonic };
	if (!loop_open(l)) {
		int error = errno;
		loop_close(l);
		errno = error;
		return false;
	}
	l->mail_end = &l->mail;
	l->later_end = &l->later;
	pthread_mutex_init(&l->lock, NULL);
	loop_clock(l);
	return true;
}

/* ---- descriptors ---- */

bool loop_watch(struct loop *l, struct watch *w, unsigned events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &e) == 0;
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

/* ---- timers: a binary heap, from heap[1] ---- */

static void heap_put(struct loop *l, struct timer *t, size_t slot)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void heap_sift(struct loop *l, struct timer *t, size_t slot)
{
	while (slot > 1 && l->heap[slot / 2]->due > t->due) {
		heap_put(l, l->heap[slot / 2], slot);
		slot /= 2;
	}
	for (size_t child; (child = slot * 2) <= l->timers; slot = child) {
		if (child < l->timers && l->heap[child + 1]->due < l->heap[child]->due)
			child++;
		if (l->heap[child]->due >= t->due)
			break;
		heap_put(l, l->heap[child], slot);
	}
	heap_put(l, t, slot);
}

void timer_set(struct loop *l, struct timer *t, vn_nsec due)
{
	if (due == VN_NEVER) {
		timer_stop(l, t);
		return;
	}
	if (t->slot && t->due == due)
		return;
	t->due = due;
	if (!t->slot) {
		if (l->timers + 2 > l->room) {
			l->room = l->room ? l->room * 2 : 64;
			l->heap = xrealloc(l->heap, l->room * sizeof *l->heap);
		}
		t->slot = ++l->timers;
	}
	heap_sift(l, t, t->slot);
}

void timer_stop(struct loop *l, struct timer *t)
{
	size_t slot = t->slot;

	if (!slot)
		return;
	t->slot = 0;
	struct timer *last = l->heap[l->timers--];
	if (last != t)
		heap_sift(l, last, slot);
}

vn_nsec loop_clock(struct loop *l)
{
	return l->now = l->clock();
}

/* Fires at most as many timers as are set now. Timers that are set meanwhile may be due at once,
 * and would keep the loop from sockets and mail. */
static bool loop_fire(struct loop *l)
{
	bool any = false;

	for (size_t most = l->timers; most && l->timers && l->heap[1]->due <= l->now; most--) {
		struct timer *t = l->heap[1];
		timer_stop(l, t);
		t->fire(t);
		any = true;
	}
	return any;
}

/* ---- mail ---- */

void loop_post(struct loop *l, struct mail *m)
{
	m->next = NULL;
	pthread_mutex_lock(&l->lock);
	bool first = !l->mail;
	*l->mail_end = m;
	l->mail_end = &m->next;
	pthread_mutex_unlock(&l->lock);
	if (first) {
		uint64_t one = 1;
		ssize_t n = write(l->wake.fd, &one, sizeof one);
		(void)n;        /* a full counter is readable, too */
	}
}

void loop_defer(struct loop *l, struct mail *m)
{
	m->next = NULL;
	*l->later_end = m;
	l->later_end = &m->next;
}

static bool mail_open(struct mail *m)
{
	bool any = m;

	for (struct mail *next; m; m = next) {
		next = m->next;
		m->open(m);
	}
	return any;
}

static bool loop_mail(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	struct mail *m = l->mail;
	l->mail = NULL;
	l->mail_end = &l->mail;
	pthread_mutex_unlock(&l->lock);
	return mail_open(m);
}

static bool loop_leftovers(struct loop *l)
{
	struct mail *m = l->later;

	l->later = NULL;
	l->later_end = &l->later;
	return mail_open(m);
}

/* ---- rounds ---- */

/* Kernels before 5.11, and some sandboxes, have no epoll_pwait2. */
static int epoll_wait_for(int epoll, struct epoll_event *events, int room,
                          const struct timespec *timeout)
{
	int n = epoll_pwait2(epoll, events, room, timeout, NULL);

	if (n >= 0 || (errno != ENOSYS && errno != EPERM))
		return n;
	n = ppoll(&(struct pollfd){ epoll, POLLIN, 0 }, 1, timeout, NULL);
	return n < 0 ? n : epoll_wait(epoll, events, room, 0);
}

static int loop_sleep(struct loop *l, struct epoll_event *events, int room, bool wait)
{
	struct timespec left = { 0 };
	bool ends = !wait || l->later || l->timers;
	vn_nsec due = wait && !l->later && l->timers ? l->heap[1]->due - l->now : 0, began = l->now;

	if (due > 0) {
		vn_nsec ask = wakeup_ask(&l->wakeups, due);
		left = (struct timespec){ ask / VN_S, ask % VN_S };
	}
	int n = epoll_wait_for(l->epoll, events, room, ends ? &left : NULL);
	assert(n >= 0 || errno == EINTR);
	l->woke = loop_clock(l);
	if (n == 0 && due > 0)
		wakeup_learn(&l->wakeups, due, l->woke - began);
	return n < 0 ? 0 : n;
}

bool loop_once(struct loop *l, bool wait)
{
	struct epoll_event events[256];

	loop_clock(l);
	if (l->woke)
		histogram_note(&l->rounds, l->now - l->woke);
	int n = loop_sleep(l, events, 256, wait);
	bool any = n > 0;
	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;
		if (w->fd >= 0)         /* else an earlier event of this round closed it */
			w->ready(w, events[i].events);
	}
	any |= loop_mail(l);
	any |= loop_fire(l);
	any |= loop_leftovers(l);
	return any;
}

void loop_run(struct loop *l)
{
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	while (!l->stop)
		loop_once(l, true);
}

void loop_free(struct loop *l)
{
	while (loop_mail(l) | loop_leftovers(l))
		;
	loop_close(l);
	pthread_mutex_destroy(&l->lock);
	free(l->heap);
}
