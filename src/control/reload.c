/* reload.c - reload of the configuration on SIGHUP.
 *
 * The new reading is compared with the last one, not with what runs: a change made by the API
 * stays unless the file has changed the same thing. The steps:
 *
 *	read      a mistake ends the reload
 *	resolve   the names to listen on; does not block
 *	merge     each running proxy with what has changed of it in the file, and read the files
 *	          of its TLS again
 *	probe     bind all new addresses, while those that are given up do not listen; one that
 *	          cannot be had ends the reload
 *	apply     remove, change, create, in several turns of the loop: what the API changes
 *	          meanwhile is merged again */
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
#include "tls/legs.h"

#define TURN (5 * VN_MS)                /* of the apply step, before others have theirs */

struct action {                         /* on one proxy */
	struct proxy *proxy;            /* NULL: create; valid until the apply step */
	unsigned number;                /* of the proxy, which the API may remove meanwhile */
	struct spec *is;                /* the proxy's, as it was merged */
	struct spec *to;                /* NULL: remove */
	const struct endpoint *at;      /* the new address; NULL: as before, or none */
	bool rereads;                   /* its files of TLS have changed, and nothing else */
	bool vacates;                   /* it gives up the address where it listens */
	bool vacated;                   /* it does not listen there during the probe */
	int probe;                      /* a socket bound to `at` during the probe; -1: none */
};

struct reload {
	struct control *control;
	void (*done)(void *user);
	void *user;
	struct settings *old, next;
	struct endpoint *at;            /* of each enabled proxy of next.proxies */
	size_t resolved;                /* entries of `at` that are known */
	struct lookup lookup;
	struct action *actions;
	size_t n, applied;
	struct mail turn;
};

static void reload_end(struct reload *r)
{
	void (*done)(void *user) = r->done;
	void *user = r->user;

	for (size_t i = 0; i < r->n; i++) {
		spec_unref(r->actions[i].is);
		spec_unref(r->actions[i].to);
	}
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

	*a = (struct action){
		.proxy = p, .number = p ? proxy_number(p) : 0,
		.is = p ? spec_ref(proxy_spec(p)) : NULL, .to = to, .probe = -1,
	};
	return a;
}

/* NULL: `error` says why they cannot be merged, or which file of TLS is bad. */
static struct spec *merge_spec(struct reload *r, struct spec *is, struct spec *now,
                               char error[ERROR_MAX])
{
	struct spec *was = settings_find(r->old, now->name), *from = was ? was : is;
	struct spec *to = spec_merged(is, from, now, spec_moves(from, now), error);
	char why[ERROR_MAX];

	if (!to || tls_legs_make(to, why))
		return to;
	error_format(error, "proxy=%s: %.800s", now->name, why);
	spec_unref(to);
	return NULL;
}

/* A copy whose files of TLS are read again. NULL: nothing of them has changed, or *good is false
 * and `error` says which file is bad. */
static struct spec *spec_read_again(const struct spec *is, bool *good, char error[ERROR_MAX])
{
	struct spec *to;
	char why[ERROR_MAX];

	*good = true;
	if (!is->client_tls && !is->backend_tls)
		return NULL;
	to = spec_copy(is, 0, true);
	*good = tls_legs_make(to, why);
	if (!*good)
		error_format(error, "proxy=%s: %.800s", is->name, why);
	if (*good && (to->client_tls != is->client_tls || to->backend_tls != is->backend_tls))
		return to;
	spec_unref(to);
	return NULL;
}

/* A proxy of which the configuration has changed nothing, or knows nothing. */
static bool merge_files(struct reload *r, struct proxy *p, char error[ERROR_MAX])
{
	bool good;
	struct spec *to = spec_read_again(proxy_spec(p), &good, error);

	if (to)
		action_add(r, p, to)->rereads = true;
	return good;
}

/* A proxy that runs and that the file has. False: `error` says why the two cannot be merged. */
static bool merge_one(struct reload *r, struct proxy *p, struct spec *now,
                      const struct endpoint *at, char error[ERROR_MAX])
{
	struct spec *is = proxy_spec(p), *was = settings_find(r->old, now->name);
	bool moves = spec_moves(was ? was : is, now);

	if (was && !moves && spec_same(was, now))
		return merge_files(r, p, error);
	struct spec *to = merge_spec(r, is, now, error);
	if (!to)
		return false;
	struct action *a = action_add(r, p, to);
	a->vacates = is->enabled && (moves || !to->enabled);
	a->at = to->enabled && (moves || !is->enabled) ? at : NULL;
	return true;
}

/* Removes proxies that were in the last reading and are not in this one. */
static void merge_removed(struct reload *r)
{
	for (size_t i = 0; i < r->old->n_proxies; i++) {
		const char *name = r->old->proxies[i]->name;
		struct proxy *p = control_find(r->control, name);
		if (p && !settings_find(&r->next, name))
			action_add(r, p, NULL)->vacates = proxy_spec(p)->enabled;
	}
}

/* Creates a proxy that does not run. If the file has not changed it, the API has removed it: it
 * stays removed. */
static void merge_created(struct reload *r, struct spec *now, const struct endpoint *at)
{
	struct spec *was = settings_find(r->old, now->name);

	if (!was || !spec_same(was, now))
		action_add(r, NULL, spec_ref(now))->at = now->enabled ? at : NULL;
}

/* Proxies that the API made. */
static bool merge_others(struct reload *r, char error[ERROR_MAX])
{
	for (size_t i = 0; i < control_proxy_count(r->control); i++) {
		struct proxy *p = control_proxy(r->control, i);
		const char *name = proxy_spec(p)->name;
		if (!settings_find(&r->next, name) && !settings_find(r->old, name) &&
		    !merge_files(r, p, error))
			return false;
	}
	return true;
}

static bool merge(struct reload *r, char error[ERROR_MAX])
{
	r->actions = xcalloc(r->old->n_proxies + r->next.n_proxies +
	                     control_proxy_count(r->control) + 1, sizeof *r->actions);
	merge_removed(r);
	for (size_t i = 0; i < r->next.n_proxies; i++) {
		struct spec *now = r->next.proxies[i];
		struct proxy *p = control_find(r->control, now->name);
		if (p && !merge_one(r, p, now, &r->at[i], error))
			return false;
		if (!p)
			merge_created(r, now, &r->at[i]);
	}
	return merge_others(r, error);
}

/* ---- probe ---- */

/* Stops listening, so that the address is free. A socket may not be listening, because a rule
 * refuses clients: then it stays so. */
static void vacate(struct action *a)
{
	int listens = 0;
	socklen_t n = sizeof listens;

	if (!a->vacates || proxy_spec(a->proxy)->listen.unix_path)
		return;
	if (a->proxy->at.udp) {         /* the probe shares the address instead */
		bind_share(a->proxy->fd, true);
		if (a->proxy->twin >= 0)
			shutdown(a->proxy->twin, SHUT_RD);
		return;
	}
	getsockopt(a->proxy->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n);
	shutdown(a->proxy->fd, SHUT_RD);
	a->vacated = listens;
}

static void listen_again(struct action *a)
{
	if (a->vacates && a->proxy->at.udp && a->proxy->fd >= 0) {
		bind_share(a->proxy->fd, false);
		if (a->proxy->twin >= 0)
			listen(a->proxy->twin, (int)proxy_spec(a->proxy)->backlog);
	}
	if (a->vacated)
		listen(a->proxy->fd, (int)proxy_spec(a->proxy)->backlog);
}

/* Returns 0 or an errno. A unix path is not probed, because binding creates the file. */
static int probe(struct action *a)
{
	struct endpoint bound;

	if (!a->at || a->to->listen.unix_path)
		return 0;
	a->probe = a->at->udp && a->proxy && a->vacates && a->proxy->at.udp ?
	                   bind_beside(a->at, a->proxy->fd, &bound) :
	                   bind_listen(a->at, 1, &bound);
	return a->probe < 0 ? -a->probe : 0;
}

/* Returns the first action whose address cannot be bound, with its errno. NULL: all can. */
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

/* The API has changed the proxy since it was merged: merge it again. False: it cannot be, or need
 * not be, and it stays as it is. */
static bool action_renew(struct reload *r, struct action *a, struct proxy *p)
{
	char error[ERROR_MAX];
	bool good = false;

	if (!p)
		return false;
	if (!a->to || proxy_spec(p) == a->is)
		return true;
	struct spec *to = a->rereads ? spec_read_again(proxy_spec(p), &good, error) :
	                  merge_spec(r, proxy_spec(p), settings_find(&r->next, a->to->name), error);
	if (!to && good)
		return false;
	if (!to) {
		log_error("SIGHUP: proxy=%s: %s", a->to->name, error);
		return false;
	}
	spec_unref(a->to);
	a->to = to;
	return true;
}

static void action_apply(struct reload *r, struct action *a, struct waiter *by)
{
	struct proxy_table *table = control_proxies(r->control);
	struct proxy *p = a->number ? proxy_numbered(table, a->number) : NULL;
	struct spec *to = a->to;
	int error = 0;

	if (a->number ? !action_renew(r, a, p) : proxy_find(table, to->name) != NULL)
		return;
	to = a->to;
	a->to = NULL;
	if (!to)
		proxy_remove(p, by);
	else if (p)
		error = proxy_update(p, to, a->at, false, by);
	else
		error = proxy_create(table, to, a->at, by, NULL);
	if (!error)
		return;
	log_error("SIGHUP: proxy=%s: cannot listen on '%s': %s", to->name, to->listen.text,
	          strerror(error));
	spec_unref(to);
}

static void reload_turn(struct mail *m)
{
	struct reload *r = OWNER(reload, turn, m);
	struct loop *loop = control_loop(r->control);
	vn_nsec until = loop->clock() + TURN;
	struct waiter by = { .by = "SIGHUP" };

	while (r->applied < r->n && !control_workers(r->control)->alone) {
		action_apply(r, &r->actions[r->applied++], &by);
		if (r->applied == r->n || loop->clock() < until)
			continue;
		log_drain();
		loop_defer(loop, &r->turn);
		return;
	}
	settings_renew(r->old, &r->next);
	reload_end(r);
}

static void reload_apply(struct reload *r)
{
	size_t removed = 0;

	for (size_t i = 0; i < r->n; i++)
		removed += !r->actions[i].to;
	log_info("SIGHUP: %zu of %zu proxies change", r->n, r->next.n_proxies + removed);
	r->turn.open = reload_turn;
	reload_turn(&r->turn);
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
		r->at[r->resolved] = l->found[0];
		r->at[r->resolved].udp = r->next.proxies[r->resolved]->listen.udp;
		r->resolved++;
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
