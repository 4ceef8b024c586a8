/* reload.c - SIGHUP: reads the command line and the INI file again, and changes what has changed
 * there.
 *
 * The new reading is compared with the last one, not with what runs: a change made by the API
 * stays unless the file has changed the same thing. The steps:
 *
 *	read      a mistake ends the reload
 *	resolve   the names to listen on; does not block
 *	merge     each running proxy with what has changed of it in the file
 *	probe     bind all new addresses, while those that are given up do not listen; one that
 *	          cannot be had ends the reload
 *	apply     remove, change, create */
#include "control/reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/error.h"
#include "net/bind.h"
#include "spec/spec_merge.h"

struct action {                         /* on one proxy */
	struct proxy *proxy;            /* NULL: create */
	struct spec *to;                /* NULL: remove */
	const struct endpoint *at;      /* to listen on from now on; NULL: as before, or nowhere */
	bool vacates;                   /* it gives up the address where it listens */
	bool vacated;                   /* ... and does not listen there during the probe */
	int probe;                      /* a socket bound to `at` during the probe; -1: none */
};

struct reload {
	struct control *control;
	void (*done)(void *user);
	void *user;
	struct settings *old, next;
	struct endpoint *at;            /* of each of next.proxies that is enabled ... */
	size_t resolved;                /* ... as far as they are known */
	struct lookup lookup;
	struct action *actions;
	size_t n;
};

static void reload_end(struct reload *r)
{
	void (*done)(void *user) = r->done;
	void *user = r->user;

	for (size_t i = 0; i < r->n; i++)
		spec_unref(r->actions[i].to);
	free(r->actions);
	free(r->at);
	settings_free(&r->next);
	free(r);
	done(user);
}

__attribute__((format(printf, 2, 3)))
static void reload_fail(struct reload *r, const char *format, ...)
{
	char why[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	log_error("SIGHUP: nothing is changed: %s", why);
	reload_end(r);
}

static void fail_to_listen(struct reload *r, const struct spec *to, const char *why)
{
	reload_fail(r, "proxy=%s: cannot listen on '%s': %s", to->name, to->listen.text, why);
}

/* ---- merge ---- */

static struct action *action_add(struct reload *r, struct proxy *p, struct spec *to)
{
	struct action *a = &r->actions[r->n++];

	*a = (struct action){ .proxy = p, .to = to, .probe = -1 };
	return a;
}

/* A proxy that runs and that the file has. False: `error` says why the two cannot be merged. */
static bool merge_one(struct reload *r, struct proxy *p, struct spec *now,
                      const struct endpoint *at, char error[ERROR_MAX])
{
	struct spec *is = proxy_spec(p), *was = settings_find(r->old, now->name), *to;
	bool moves = spec_moves(was ? was : is, now);

	if (was && !moves && spec_same(was, now))
		return true;
	to = spec_merged(is, was ? was : is, now, moves, error);
	if (!to)
		return false;
	struct action *a = action_add(r, p, to);
	a->vacates = is->enabled && (moves || !to->enabled);
	a->at = to->enabled && (moves || !is->enabled) ? at : NULL;
	return true;
}

/* What the last reading had and this one has not. */
static void merge_removed(struct reload *r)
{
	for (size_t i = 0; i < r->old->n_proxies; i++) {
		const char *name = r->old->proxies[i]->name;
		struct proxy *p = control_find(r->control, name);
		if (p && !settings_find(&r->next, name))
			action_add(r, p, NULL)->vacates = proxy_spec(p)->enabled;
	}
}

/* One that does not run. If the file has not changed it, the API has removed it: it stays
 * removed. */
static void merge_created(struct reload *r, struct spec *now, const struct endpoint *at)
{
	struct spec *was = settings_find(r->old, now->name);

	if (!was || !spec_same(was, now))
		action_add(r, NULL, spec_ref(now))->at = now->enabled ? at : NULL;
}

static bool merge(struct reload *r, char error[ERROR_MAX])
{
	r->actions = xcalloc(r->old->n_proxies + r->next.n_proxies + 1, sizeof *r->actions);
	merge_removed(r);
	for (size_t i = 0; i < r->next.n_proxies; i++) {
		struct spec *now = r->next.proxies[i];
		struct proxy *p = control_find(r->control, now->name);
		if (p && !merge_one(r, p, now, &r->at[i], error))
			return false;
		if (!p)
			merge_created(r, now, &r->at[i]);
	}
	return true;
}

/* ---- probe ---- */

/* Stop listening, so that the address is free. A socket that does not listen is one on which a rule
 * refuses clients. */
static void vacate(struct action *a)
{
	int listens = 0;
	socklen_t n = sizeof listens;

	if (!a->vacates || proxy_spec(a->proxy)->listen.unix_path)
		return;
	getsockopt(a->proxy->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n);
	shutdown(a->proxy->fd, SHUT_RD);
	a->vacated = listens;
}

static void listen_again(struct action *a)
{
	if (a->vacated)
		listen(a->proxy->fd, (int)proxy_spec(a->proxy)->backlog);
}

/* 0, or an errno. A unix path is not probed: binding creates the file. */
static int probe(struct action *a)
{
	struct endpoint bound;

	if (!a->at || a->to->listen.unix_path)
		return 0;
	a->probe = bind_listen(a->at, 1, &bound);
	return a->probe < 0 ? -a->probe : 0;
}

/* The first whose address cannot be had, with its errno; NULL: all can. */
static struct action *probe_all(struct reload *r, int *error)
{
	struct action *bad = NULL;

	for (size_t i = 0; i < r->n; i++)
		vacate(&r->actions[i]);
	for (size_t i = 0; i < r->n && !bad; i++)
		if ((*error = probe(&r->actions[i])))
			bad = &r->actions[i];
	for (size_t i = 0; i < r->n; i++)
		if (r->actions[i].probe >= 0)
			close(r->actions[i].probe);
	for (size_t i = 0; i < r->n && bad; i++)
		listen_again(&r->actions[i]);
	return bad;
}

/* ---- apply ---- */

static void action_apply(struct reload *r, struct action *a, struct waiter *by)
{
	struct spec *to = a->to;
	int error = 0;

	a->to = NULL;
	if (!to)
		proxy_remove(a->proxy, by);
	else if (a->proxy)
		error = proxy_update(a->proxy, to, a->at, false, by);
	else
		error = proxy_create(control_proxies(r->control), to, a->at, by, NULL);
	if (!error)
		return;
	log_error("SIGHUP: proxy=%s: cannot listen on '%s': %s", to->name, to->listen.text,
	          strerror(error));
	spec_unref(to);
}

static void reload_apply(struct reload *r)
{
	struct waiter by = { .by = "SIGHUP" };
	size_t removed = 0;

	for (size_t i = 0; i < r->n; i++)
		removed += !r->actions[i].to;
	log_info("SIGHUP: %zu of %zu proxies change", r->n, r->next.n_proxies + removed);
	for (size_t i = 0; i < r->n; i++)
		action_apply(r, &r->actions[i], &by);
	settings_renew(r->old, &r->next);
	reload_end(r);
}

/* All addresses are known. */
static void reload_merge(struct reload *r)
{
	char error[ERROR_MAX];
	int why;

	if (!merge(r, error)) {
		reload_fail(r, "%s", error);
		return;
	}
	struct action *bad = probe_all(r, &why);
	if (bad)
		fail_to_listen(r, bad->to, strerror(why));
	else
		reload_apply(r);
}

/* ---- resolve ---- */

static void reload_resolve(struct reload *r);

static void reload_resolved(struct lookup *l)
{
	struct reload *r = OWNER(reload, lookup, l);

	if (control_workers(r->control)->alone) {       /* the program ends */
		reload_end(r);
	} else if (!l->n) {
		fail_to_listen(r, r->next.proxies[r->resolved], l->error);
	} else {
		r->at[r->resolved++] = l->found[0];
		reload_resolve(r);
	}
}

static void reload_resolve(struct reload *r)
{
	struct control *c = r->control;

	for (; r->resolved < r->next.n_proxies; r->resolved++) {
		const struct spec *s = r->next.proxies[r->resolved];
		if (s->enabled && !address_numeric(&s->listen, true, &r->at[r->resolved])) {
			lookup_start(&r->lookup, control_resolver(c), control_loop(c), &s->listen);
			return;
		}
	}
	reload_merge(r);
}

/* ---- read ---- */

void reload_begin(struct control *c, struct settings *settings, void (*done)(void *user),
                  void *user)
{
	struct reload *r = xcalloc(1, sizeof *r);
	char sentence[1024] = "";

	r->control = c;
	r->done = done;
	r->user = user;
	r->old = settings;
	r->lookup.done = reload_resolved;
	error_capture(sentence, sizeof sentence);
	int code = settings->read(&r->next, settings->argc, settings->argv);
	error_capture(NULL, 0);
	if (code != -1) {
		reload_fail(r, "%s", sentence);
		return;
	}
	r->at = xcalloc(r->next.n_proxies + 1, sizeof *r->at);
	reload_resolve(r);
}
