/* reload.c - the file and the command line read again, and what has changed in them done, while the program runs.
 *
 * Compared are the last reading and this one: what the API has changed meanwhile stays, unless the file has
 * changed its mind about just that. In turn:
 *
 *	read      what is wrong ends it here
 *	look up   the names to listen on, without making anyone wait
 *	merge     each proxy that is there, with what has changed of it
 *	probe     all new addresses, while those that are given up are shut: one that cannot be had ends it here
 *	do        removed, changed, made */
#include "control/reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/listener.h"
#include "base/log.h"
#include "net/bind.h"
#include "spec/spec_merge.h"
#include "config/error.h"

struct action {                         /* for one proxy */
	struct proxy *proxy;              /* NULL: it is made */
	struct spec *to;                /* NULL: it is removed */
	const struct endpoint *at;      /* where it listens from now on; NULL: as before, or nowhere */
	bool vacates;                   /* it does not listen any more where it did */
	bool vacated;                   /* ... and was shut for that */
	int probe;                      /* a socket there, until all have one; -1 */
};

struct reload {
	struct control *control;
	void (*over)(struct control *);
	struct settings *old, next;
	struct endpoint *at;            /* of next.proxies */
	size_t looked;                  /* ... so many are known */
	struct lookup lookup;
	struct action *actions;
	size_t n;
};

static void reload_end(struct reload *r)
{
	void (*over)(struct control *) = r->over;
	struct control *c = r->control;

	for (size_t i = 0; i < r->n; i++)
		spec_unref(r->actions[i].to);
	free(r->actions);
	free(r->at);
	settings_free(&r->next);
	free(r);
	over(c);
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

/* ---- merge ---- */

static struct spec *spec_named(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n_proxies; i++)
		if (!strcmp(s->proxies[i]->name, name))
			return s->proxies[i];
	return NULL;
}

static struct action *action_add(struct reload *r, struct proxy *p, struct spec *to)
{
	struct action *a = &r->actions[r->n++];

	*a = (struct action){ .proxy = p, .to = to, .probe = -1 };
	return a;
}

/* A proxy that both the file and we have. False: it cannot become so. */
static bool merge_one(struct reload *r, struct proxy *p, struct spec *now, const struct endpoint *at, char error[ERROR_MAX])
{
	struct spec *is = proxy_spec(p), *was = spec_named(r->old, now->name), *to;
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

static bool merge(struct reload *r, char error[ERROR_MAX])
{
	r->actions = xcalloc(r->old->n_proxies + r->next.n_proxies + 1, sizeof *r->actions);
	for (size_t i = 0; i < r->old->n_proxies; i++) {
		const char *name = r->old->proxies[i]->name;
		struct proxy *p = spec_named(&r->next, name) ? NULL : control_find(r->control, name);
		if (p)
			action_add(r, p, NULL)->vacates = proxy_spec(p)->enabled;
	}
	for (size_t i = 0; i < r->next.n_proxies; i++) {
		struct spec *now = r->next.proxies[i];
		struct proxy *p = control_find(r->control, now->name);
		if (p && !merge_one(r, p, now, &r->at[i], error))
			return false;
		if (!p && !(spec_named(r->old, now->name) && spec_same(spec_named(r->old, now->name), now)))
			action_add(r, NULL, spec_ref(now))->at = now->enabled ? &r->at[i] : NULL;
	}
	return true;
}

/* ---- probe ---- */

static void vacate(struct action *a)
{
	int listens = 0;

	if (!a->vacates || proxy_spec(a->proxy)->listen.unix_path)
		return;
	getsockopt(a->proxy->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &(socklen_t){ sizeof listens });
	shutdown(a->proxy->fd, SHUT_RD);
	a->vacated = listens;           /* else a rule refuses clients */
}

static void come_back(struct action *a)
{
	if (a->vacated)
		listen(a->proxy->fd, (int)proxy_spec(a->proxy)->backlog);
}

/* 0, or an errno. The spec's own port 0 is no question. */
static int probe(struct action *a)
{
	struct endpoint bound;

	if (!a->at || a->to->listen.unix_path)
		return 0;
	a->probe = bind_listen(a->at, 1, &bound);
	return a->probe < 0 ? -a->probe : 0;
}

/* The first that cannot be had, and why; NULL: all can. */
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
		come_back(&r->actions[i]);
	return bad;
}

/* ---- do ---- */

static void act(struct reload *r, struct action *a, struct waiter *by)
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
	log_error("SIGHUP: proxy=%s: cannot listen on '%s': %s", to->name, to->listen.text, strerror(error));
	spec_unref(to);
}

static void reload_do(struct reload *r)
{
	struct waiter by = { .by = "SIGHUP" };
	char error[ERROR_MAX];
	size_t gone = 0;
	int why;

	if (!merge(r, error)) {
		reload_fail(r, "%s", error);
		return;
	}
	struct action *bad = probe_all(r, &why);
	if (bad) {
		reload_fail(r, "proxy=%s: cannot listen on '%s': %s", bad->to->name, bad->to->listen.text, strerror(why));
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		gone += !r->actions[i].to;
	log_info("SIGHUP: %zu of %zu proxies change", r->n, r->next.n_proxies + gone);
	for (size_t i = 0; i < r->n; i++)
		act(r, &r->actions[i], &by);
	settings_renew(r->old, &r->next);
	reload_end(r);
}

/* ---- look up ---- */

static void reload_look(struct reload *r);

static void reload_found(struct lookup *l)
{
	struct reload *r = OWNER(reload, lookup, l);
	const char *name = r->next.proxies[r->looked]->name;

	if (control_proxies(r->control)->workers->alone) {
		reload_end(r);
	} else if (!l->n) {
		reload_fail(r, "proxy=%s: cannot listen on '%s': %s", name, r->next.proxies[r->looked]->listen.text, l->error);
	} else {
		r->at[r->looked++] = l->found[0];
		reload_look(r);
	}
}

static void reload_look(struct reload *r)
{
	for (; r->looked < r->next.n_proxies; r->looked++) {
		const struct spec *s = r->next.proxies[r->looked];
		if (s->enabled && !address_numeric(&s->listen, true, &r->at[r->looked])) {
			lookup_start(&r->lookup, control_resolver(r->control), control_loop(r->control), &s->listen);
			return;
		}
	}
	reload_do(r);
}

void reload_begin(struct control *c, struct settings *s, void (*over)(struct control *))
{
	struct reload *r = xcalloc(1, sizeof *r);
	char sentence[1024] = "";

	*r = (struct reload){ .control = c, .over = over, .old = s, .lookup.done = reload_found };
	error_capture(sentence, sizeof sentence);
	int code = s->read(&r->next, s->argc, s->argv);
	error_capture(NULL, 0);
	if (code != -1) {
		reload_fail(r, "%s", sentence);
		return;
	}
	r->at = xcalloc(r->next.n_proxies + 1, sizeof *r->at);
	reload_look(r);
}
