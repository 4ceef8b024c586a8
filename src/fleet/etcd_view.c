/* etcd_view.c - the keys of one folder, as etcd has them: a list, then what changes. */
#include "fleet/etcd_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fleet/base64.h"

enum {
	PAGE       = 500,               /* keys of a list at a time ... */
	/* ... where texts are so long that an answer would be, too */
	PAGE_SMALL = 20,
};

#define AGAIN (200 * VN_MS)             /* until a list follows a watch that has ended */

static void list_page(struct etcd_view *, const char *behind);

static void folder_tail(const struct etcd_view *v, char tail[24])
{
	snprintf(tail, 24, "%s/", store_folders[v->folder]);
}

/* ---- one entry ---- */

/* The name behind the folder, to be freed; "" if it is none that we could have written. */
static char *name_of(const struct etcd_view *v, const json_t *kv)
{
	const char *text = json_string_value(json_object_get(kv, "key"));
	size_t n = 0, head = strlen(v->link->prefix) + strlen(store_folders[v->folder]) + 1;
	char *key = base64_read(text ? text : "", &n);

	if (!key || n < head || memchr(key, 0, n)) {
		free(key);
		return xcalloc(1, 1);
	}
	memmove(key, key + head, n - head + 1);
	return key;
}

static void tell(struct etcd_view *v, const json_t *kv, bool gone, double left)
{
	const char *text = json_string_value(json_object_get(kv, "value"));
	char *name = name_of(v, kv), *value = NULL;
	struct store_entry e = {
		.name = name, .version = (uint64_t)etcd_number(kv, "mod_revision"),
		.leased = etcd_number(kv, "lease") != 0, .left = left,
	};

	if (!gone)
		e.text = value = base64_read(text ? text : "", &e.n);
	if (e.text)
		json_object_set_new(v->names, name, json_true());
	else
		json_object_del(v->names, name);
	v->user->entry(v->user, v->folder, &e);
	free(name);
	free(value);
}

/* ---- watch ---- */

static void again(struct timer *t)
{
	view_start(OWNER(etcd_view, again, t));
}

/* Not at once: we may be inside a callback of libcurl's. */
static void list_again(struct etcd_view *v, vn_nsec in)
{
	v->again.fire = again;
	timer_set(v->loop, &v->again, v->loop->now + in);
}

static void watch_line(struct web_request *r, json_t *value)
{
	struct etcd_view *v = r->user;
	const json_t *result = json_object_get(value, "result"), *event;
	size_t i;
	int64_t revision = etcd_number(json_object_get(result, "header"), "revision");

	if (!result || json_is_true(json_object_get(result, "canceled"))) {
		list_again(v, AGAIN);   /* compacted, or refused */
		return;
	}
	json_array_foreach(json_object_get(result, "events"), i, event) {
		const char *type = json_string_value(json_object_get(event, "type"));
		tell(v, json_object_get(event, "kv"), type && !strcmp(type, "DELETE"), -1);
	}
	if (revision > v->revision)
		v->revision = revision;
	v->user->reached(v->user);
}

static void watch_done(struct web_request *r, const json_t *answer, const char *error)
{
	list_again(r->user, AGAIN);
}

static void watch_start(struct etcd_view *v)
{
	char tail[24];

	folder_tail(v, tail);
	v->state = VIEW_WATCHES;
	v->behind = false;
	v->watch = (struct web_request){ .line = watch_line, .done = watch_done, .user = v };
	etcd_post(v->link, &v->watch, "watch", json_pack("{s:{s:o, s:o, s:o, s:b}}",
		"create_request", "key", etcd_key(v->link, tail), "range_end",
		etcd_key_end(v->link, tail), "start_revision", etcd_number_json(v->revision + 1),
		"progress_notify", 1));
}

/* ---- is it behind? ---- */

static void check_done(struct web_request *r, const json_t *answer, const char *error)
{
	struct etcd_view *v = r->user;
	const json_t *newest = json_array_get(json_object_get(answer, "kvs"), 0);
	bool behind = answer && v->state == VIEW_WATCHES
		&& (etcd_number(newest, "mod_revision") > v->revision
		    || (size_t)etcd_number(answer, "count") != json_object_size(v->names));

	if (error)
		v->failed(v, error);
	else if (behind && v->behind)   /* twice: it is not under way */
		view_start(v);
	else
		v->behind = behind;
}

void view_check(struct etcd_view *v)
{
	char tail[24];

	if (v->state != VIEW_WATCHES || v->check.easy)
		return;
	folder_tail(v, tail);
	v->check = (struct web_request){ .done = check_done, .user = v };
	etcd_post(v->link, &v->check, "kv/range", json_pack("{s:o, s:o, s:b, s:s, s:s, s:s}",
		"key", etcd_key(v->link, tail), "range_end", etcd_key_end(v->link, tail),
		"keys_only", 1, "limit", "1", "sort_order", "DESCEND", "sort_target", "MOD"));
}

/* ---- list ---- */

static void listed(struct etcd_view *v)
{
	json_decref(v->found);
	v->found = NULL;
	v->user->listed(v->user, v->folder);
	v->user->reached(v->user);
	if (v->listed)
		v->listed(v);           /* may stop it */
	else
		watch_start(v);
}

static void tell_found(struct etcd_view *v);

static void lease_done(struct web_request *r, const json_t *answer, const char *error)
{
	struct etcd_view *v = r->user;
	int64_t left = etcd_number(answer, "TTL");

	if (error) {
		v->failed(v, error);
		return;
	}
	if (left > 0)                   /* else its keys go at this moment */
		tell(v, json_array_get(v->found, v->told), false, (double)left);
	v->told++;
	tell_found(v);
}

/* Those with a lease wait for how long it lasts. */
static void tell_found(struct etcd_view *v)
{
	for (; v->told < json_array_size(v->found); v->told++) {
		const json_t *kv = json_array_get(v->found, v->told);
		int64_t lease = etcd_number(kv, "lease");
		if (v->leases && lease) {
			v->lease = (struct web_request){ .done = lease_done, .user = v };
			etcd_post(v->link, &v->lease, "lease/timetolive",
			          json_pack("{s:o}", "ID", etcd_number_json(lease)));
			return;
		}
		tell(v, kv, false, -1);
	}
	listed(v);
}

/* The key behind the last one found: the same with a NUL added. */
static char *key_behind(const json_t *kvs)
{
	const json_t *last = json_array_get(kvs, json_array_size(kvs) - 1);
	const char *text = json_string_value(json_object_get(last, "key"));
	size_t n = 0;
	char *key = base64_read(text ? text : "", &n), *behind;

	if (!key)
		return NULL;
	behind = base64_make(key, n + 1);       /* base64_read() adds a NUL */
	free(key);
	return behind;
}

static void page_done(struct web_request *r, const json_t *answer, const char *error)
{
	struct etcd_view *v = r->user;
	json_t *kvs = json_object_get(answer, "kvs");

	if (error && r->long_ && v->page > PAGE_SMALL) {
		v->page = PAGE_SMALL;
		list_again(v, 1);
		return;
	}
	if (error) {
		v->failed(v, error);
		return;
	}
	if (!v->revision)
		v->revision = etcd_number(json_object_get(answer, "header"), "revision");
	json_array_extend(v->found, kvs);
	char *behind = json_is_true(json_object_get(answer, "more")) ? key_behind(kvs) : NULL;
	if (behind)
		list_page(v, behind);
	else
		tell_found(v);
	free(behind);
}

static void list_page(struct etcd_view *v, const char *behind)
{
	char tail[24];

	folder_tail(v, tail);
	v->list = (struct web_request){ .done = page_done, .user = v };
	etcd_post(v->link, &v->list, "kv/range", json_pack("{s:o, s:o, s:o, s:o}",
		"key", behind ? json_string(behind) : etcd_key(v->link, tail),
		"range_end", etcd_key_end(v->link, tail),
		"limit", etcd_number_json(v->page), "revision", etcd_number_json(v->revision)));
}

/* ---- start and stop ---- */

static void cancel_all(struct etcd_view *v)
{
	web_cancel(&v->list);
	web_cancel(&v->watch);
	web_cancel(&v->lease);
	web_cancel(&v->check);
	timer_stop(v->loop, &v->again);
	json_decref(v->found);
	json_decref(v->names);
	v->found = v->names = NULL;
}

void view_start(struct etcd_view *v)
{
	cancel_all(v);
	v->state = VIEW_LISTS;
	v->revision = 0;
	v->told = 0;
	v->page = v->page ? v->page : PAGE;
	v->found = json_array();
	v->names = json_object();
	list_page(v, NULL);
}

void view_stop(struct etcd_view *v)
{
	cancel_all(v);
	v->state = VIEW_OFF;
}
