/* poller.c - the auditor's event loop, around libcurl's own. */
#include "audit/poller.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

static vn_nsec began, began_wall;

void poller_init(struct poller *p)
{
	*p = (struct poller){ .multi = xalloced(curl_multi_init()) };
	began = clock_monotonic();
	began_wall = clock_real();
	/* Every transfer ends its connection, but a name is looked up once. */
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, 4L);
}

void poller_free(struct poller *p)
{
	curl_multi_cleanup(p->multi);
	free(p->fds);
	free(p->waits);
	*p = (struct poller){ .multi = NULL };
}

double poller_now(void)
{
	return (double)(clock_monotonic() - began) / VN_S;
}

double poller_wall(double at)
{
	return (double)began_wall / VN_S + at;
}

/* ---- who waits ---- */

void poller_watch(struct poller *p, struct poll_fd *f)
{
	if (p->n_fds == p->room) {
		p->room = p->room ? p->room * 2 : 16;
		p->fds = xrealloc(p->fds, p->room * sizeof *p->fds);
		p->waits = xrealloc(p->waits, p->room * sizeof *p->waits);
	}
	p->fds[p->n_fds++] = f;
}

void poller_unwatch(struct poller *p, struct poll_fd *f)
{
	for (size_t i = 0; i < p->n_fds; i++)
		if (p->fds[i] == f) {
			p->fds[i] = p->fds[--p->n_fds];
			return;
		}
}

void poller_set(struct poller *p, struct poll_timer *t, double due)
{
	t->due = due;
	if (t->set)
		return;
	t->set = true;
	t->next = p->timers;
	p->timers = t;
}

void poller_stop(struct poller *p, struct poll_timer *t)
{
	struct poll_timer **at = &p->timers;

	if (!t->set)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->set = false;
}

void poller_begin(struct poller *p, struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	t->running = true;
	curl_multi_add_handle(p->multi, t->easy);
}

void poller_cancel(struct poller *p, struct transfer *t)
{
	if (t->running)
		curl_multi_remove_handle(p->multi, t->easy);
	t->running = false;
}

/* ---- a round ---- */

static double timers_next(const struct poller *p, double until)
{
	for (const struct poll_timer *t = p->timers; t; t = t->next)
		until = t->due < until ? t->due : until;
	return until;
}

static void timers_fire(struct poller *p)
{
	double now = poller_now();

	for (struct poll_timer *t = p->timers; t; ) {
		if (t->due > now) {
			t = t->next;
			continue;
		}
		poller_stop(p, t);
		t->fire(t);
		t = p->timers;          /* the list may be another one now */
	}
}

static void transfers_end(struct poller *p)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(p->multi, &left))) {
		struct transfer *t;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		poller_cancel(p, t);
		t->done(t, code);
	}
}

/* A callback may end the watch of any other: each is looked for again. */
static void fds_read(struct poller *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!p->waits[i].revents)
			continue;
		for (size_t k = 0; k < p->n_fds; k++)
			if (p->fds[k]->fd == p->waits[i].fd) {
				p->fds[k]->readable(p->fds[k]);
				break;
			}
	}
}

void poller_round(struct poller *p, double until)
{
	double wait = (timers_next(p, until) - poller_now()) * 1e3;
	size_t n = p->n_fds;
	int running;

	for (size_t i = 0; i < n; i++)
		p->waits[i] = (struct curl_waitfd){
			.fd = p->fds[i]->fd, .events = CURL_WAIT_POLLIN,
		};
	/* Rounded up: to wake a millisecond early would spin until the time has come. */
	curl_multi_poll(p->multi, p->waits, (unsigned)n,
	                wait <= 0 ? 0 : wait > 1000 ? 1000 : (int)ceil(wait), &running);
	curl_multi_perform(p->multi, &running);
	transfers_end(p);
	fds_read(p, n);
	timers_fire(p);
}
