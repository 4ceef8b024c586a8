/* etcd.c - the store of a fleet in etcd (version 3.4 or later), by its JSON gateway.
 *
 *	connect -> log in -> lease -> our keys, and lists and watches of folders
 *	   ^                   |
 *	   +--- any failure ---+      the next server, after RETRY
 *
 * The lease is renewed three times in its life. When it is gone, a new one is asked for, and our
 * keys are written again. All requests go to one server at a time: if that has no quorum, it renews
 * no lease, and we leave it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fleet/etcd_link.h"
#include "fleet/etcd_view.h"
#include "fleet/base64.h"
#include "fleet/selector.h"
#include "fleet/store.h"

#define RETRY (500 * VN_MS)             /* and up to as much again, by our name */
#define LEAVE (300 * VN_MS)
#define RENEW (STORE_LEASE * VN_S / 3)

/* A text of ours, and what etcd has of it. */
struct document {
	struct store *store;
	enum store_folder folder;
	char *text;                     /* NULL: none */
	bool written;                   /* etcd has it, or is being sent it */
	struct web_request put;
};

struct store {
	struct loop *loop;
	struct etcd_link link;
	struct store_user *user;
	char *member;
	char *name, *password;          /* NULL: no login */
	int64_t lease;                  /* 0: none */
	bool up;                        /* the server has given or renewed our lease */
	struct web_request ask;         /* the login, the lease, its renewal: one at a time */
	struct timer next;              /* the next attempt, or the next renewal */
	struct document documents[STORE_FOLDERS];
	struct etcd_view views[STORE_FOLDERS];
	bool watched[STORE_FOLDERS];
	void (*left)(void *user);       /* we leave: called once */
	void *left_user;
};

static void connect_now(struct store *);

/* ---- a failure ---- */

static void next_fired(struct timer *t)
{
	connect_now(OWNER(store, next, t));
}

static void cancel_all(struct store *s)
{
	web_cancel(&s->ask);
	for (int i = 0; i < STORE_FOLDERS; i++) {
		web_cancel(&s->documents[i].put);
		view_stop(&s->views[i]);
	}
}

static void down(struct store *s, const char *what, const char *error)
{
	char sentence[ERROR_MAX];
	size_t n = json_array_size(s->link.endpoints);

	error_format(sentence, "%s: %s: %s",
	             json_string_value(json_array_get(s->link.endpoints, s->link.at)), what, error);
	cancel_all(s);
	s->up = false;
	free(s->link.token);
	s->link.token = NULL;
	s->link.at = (s->link.at + 1) % n;
	timer_set(s->loop, &s->next,
	          s->loop->now + RETRY + (vn_nsec)(member_rank(s->member) % (uint64_t)RETRY));
	s->user->trouble(s->user, sentence);
}

static void view_failed(struct etcd_view *v, const char *error)
{
	down(OWNER(store, views[v->folder], v), store_folders[v->folder], error);
}

/* ---- our documents ---- */

static void document_write(struct document *);

static void document_done(struct web_request *r, const json_t *answer, const char *error)
{
	struct document *d = r->user;

	if (error)
		down(d->store, "writing our key", error);
	else if (!d->written)           /* it has changed meanwhile */
		document_write(d);
}

static void document_write(struct document *d)
{
	struct store *s = d->store;
	char tail[MEMBER_MAX + 24];

	if (!d->text || d->put.easy || !s->up)
		return;
	snprintf(tail, sizeof tail, "%s/%s", store_folders[d->folder], s->member);
	char *value = base64_make(d->text, strlen(d->text));
	d->written = true;
	d->put = (struct web_request){ .done = document_done, .user = d };
	etcd_post(&s->link, &d->put, "kv/put", json_pack("{s:o, s:s, s:o}",
		"key", etcd_key(&s->link, tail), "value", value,
		"lease", etcd_number_json(s->lease)));
	free(value);
}

void store_publish(struct store *s, enum store_folder folder, const char *text)
{
	struct document *d = &s->documents[folder];

	if (d->text && !strcmp(d->text, text))
		return;
	free(d->text);
	d->text = xstrdup(text);
	d->written = false;
	document_write(d);
}

/* ---- the lease ---- */

/* The lease is ours: all the rest begins, or goes on. */
static void leased(struct store *s, bool new)
{
	bool was_up = s->up;

	s->up = true;
	s->user->reached(s->user);
	for (int i = 0; i < STORE_FOLDERS; i++) {
		struct document *d = &s->documents[i];
		if (new)
			d->written = false;
		if (!d->written)
			document_write(d);
		if (s->watched[i] && !was_up)
			view_start(&s->views[i]);
		else if (s->watched[i])
			view_check(&s->views[i]);
	}
	timer_set(s->loop, &s->next, s->loop->now + RENEW);
}

static void granted(struct web_request *r, const json_t *answer, const char *error)
{
	struct store *s = r->user;

	s->lease = etcd_number(answer, "ID");
	if (error || !s->lease)
		down(s, "asking for a lease", error ? error : "it gives none");
	else
		leased(s, true);
}

static void lease_grant(struct store *s)
{
	s->ask = (struct web_request){ .done = granted, .user = s };
	etcd_post(&s->link, &s->ask, "lease/grant",
	          json_pack("{s:o}", "TTL", etcd_number_json(STORE_LEASE)));
}

static void renewed(struct web_request *r, const json_t *answer, const char *error)
{
	struct store *s = r->user;

	if (error)
		down(s, "renewing our lease", error);
	else if (etcd_number(json_object_get(answer, "result"), "TTL") > 0)
		leased(s, false);
	else                            /* it has run out meanwhile */
		lease_grant(s);
}

static void lease_renew(struct store *s)
{
	s->ask = (struct web_request){ .done = renewed, .user = s };
	etcd_post(&s->link, &s->ask, "lease/keepalive",
	          json_pack("{s:o}", "ID", etcd_number_json(s->lease)));
}

static void logged_in(struct web_request *r, const json_t *answer, const char *error)
{
	struct store *s = r->user;
	const char *token = json_string_value(json_object_get(answer, "token"));

	if (error || !token) {
		down(s, "logging in", error ? error : "it gives no token");
		return;
	}
	s->link.token = xstrdup(token);
	connect_now(s);
}

static void connect_now(struct store *s)
{
	if (s->ask.easy)
		return;
	if (s->name && !s->link.token) {
		s->ask = (struct web_request){ .done = logged_in, .user = s };
		etcd_post(&s->link, &s->ask, "auth/authenticate",
		          json_pack("{s:s, s:s}", "name", s->name, "password", s->password));
	} else if (s->lease) {
		lease_renew(s);
	} else {
		lease_grant(s);
	}
}

/* ---- folders ---- */

void store_watch(struct store *s, enum store_folder folder, bool on)
{
	if (on == s->watched[folder])
		return;
	s->watched[folder] = on;
	if (!on)
		view_stop(&s->views[folder]);
	else if (s->up)
		view_start(&s->views[folder]);
}

/* A list for once: a view of its own, with a user that collects. */
struct lister {
	struct etcd_view view;
	struct store_user user;
	struct store_list *list;
	json_t *texts;
};

static void lister_entry(struct store_user *u, enum store_folder f, const struct store_entry *e)
{
	json_t *text = e->text ? json_stringn(e->text, e->n) : NULL;

	if (text)                       /* else it is no UTF-8, and nothing of ours */
		json_object_set_new(OWNER(lister, user, u)->texts, e->name, text);
}

static void ignore_listed(struct store_user *u, enum store_folder f)
{
}

static void ignore(struct store_user *u)
{
}

static void lister_end(struct lister *l, const char *error)
{
	struct store_list *list = l->list;
	json_t *texts = l->texts;

	view_stop(&l->view);
	free(l);
	list->private = NULL;
	list->done(list, error ? NULL : texts, error);
	json_decref(texts);
}

static void lister_listed(struct etcd_view *v)
{
	lister_end(OWNER(lister, view, v), NULL);
}

static void lister_failed(struct etcd_view *v, const char *error)
{
	lister_end(OWNER(lister, view, v), error);
}

void store_list(struct store *s, struct store_list *list)
{
	struct lister *l = xcalloc(1, sizeof *l);

	l->list = list;
	l->texts = json_object();
	l->user = (struct store_user){ .entry = lister_entry, .listed = ignore_listed,
	                               .reached = ignore };
	l->view = (struct etcd_view){
		.link = &s->link, .loop = s->loop, .folder = list->folder, .user = &l->user,
		.failed = lister_failed, .listed = lister_listed,
	};
	list->private = l;
	view_start(&l->view);
}

void store_list_cancel(struct store_list *list)
{
	struct lister *l = list->private;

	if (!l)
		return;
	view_stop(&l->view);
	json_decref(l->texts);
	free(l);
	list->private = NULL;
}

/* ---- open and close ---- */

/* "NAME:PASSWORD" */
static bool user_read(struct store *s, const char *user, char error[ERROR_MAX])
{
	const char *colon = user ? strchr(user, ':') : NULL;

	if (!user)
		return true;
	if (!colon || colon == user) {
		error_format(error, "fleet_user: expected NAME:PASSWORD");
		return false;
	}
	s->name = xstrndup(user, (size_t)(colon - user));
	s->password = xstrdup(colon + 1);
	return true;
}

static void folders_init(struct store *s)
{
	for (int i = 0; i < STORE_FOLDERS; i++) {
		s->documents[i] = (struct document){ .store = s, .folder = (enum store_folder)i };
		s->views[i] = (struct etcd_view){
			.link = &s->link, .loop = s->loop, .folder = (enum store_folder)i,
			.user = s->user, .leases = i == STORE_RULES, .failed = view_failed,
		};
	}
	s->watched[STORE_RULES] = true;
}

struct store *store_open(struct loop *loop, const struct store_settings *settings,
                         const char *member, struct store_user *user, char error[ERROR_MAX])
{
	struct web_tls tls = { settings->ca, settings->cert, settings->key };
	json_t *url = store_url_read(settings->url, tls.ca || tls.cert || tls.key, error);
	struct store *s = xcalloc(1, sizeof *s);

	s->loop = loop;
	s->user = user;
	s->member = xstrdup(member);
	s->next.fire = next_fired;
	folders_init(s);
	if (url) {
		s->link.endpoints = json_incref(json_object_get(url, "endpoints"));
		s->link.prefix = xstrdup(json_string_value(json_object_get(url, "prefix")));
		s->link.at = member_rank(member) % json_array_size(s->link.endpoints);
	}
	json_decref(url);
	if (!url || !user_read(s, settings->user, error)
	    || !(s->link.web = web_open(loop, &tls, error))) {
		store_close(s);
		return NULL;
	}
	timer_set(loop, &s->next, loop->now);
	return s;
}

static void revoked(struct web_request *r, const json_t *answer, const char *error)
{
	struct store *s = r->user;

	timer_stop(s->loop, &s->next);
	s->left(s->left_user);
}

static void leave_late(struct timer *t)
{
	struct store *s = OWNER(store, next, t);

	web_cancel(&s->ask);
	s->left(s->left_user);
}

bool store_leave(struct store *s, void (*left)(void *user), void *user)
{
	if (!s->up)
		return false;
	cancel_all(s);
	s->up = false;
	s->left = left;
	s->left_user = user;
	s->next.fire = leave_late;
	timer_set(s->loop, &s->next, s->loop->now + LEAVE);
	s->ask = (struct web_request){ .done = revoked, .user = s };
	etcd_post(&s->link, &s->ask, "lease/revoke",
	          json_pack("{s:o}", "ID", etcd_number_json(s->lease)));
	return true;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	cancel_all(s);
	timer_stop(s->loop, &s->next);
	web_close(s->link.web);
	for (int i = 0; i < STORE_FOLDERS; i++)
		free(s->documents[i].text);
	json_decref(s->link.endpoints);
	free(s->link.prefix);
	free(s->link.token);
	free(s->member);
	free(s->name);
	free(s->password);
	free(s);
}
