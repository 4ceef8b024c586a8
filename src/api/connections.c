/* connections.c - the routes of a proxy's live connections: list, close, reset. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/conn_list.h"

enum {
	LISTED     = 10000,             /* at a time, unless the request says how many ... */
	LISTED_MAX = 100000,
	SLICE      = 256,               /* ... of each worker in one go: its other connections wait meanwhile */
	PIECE      = 4096,              /* bytes: room enough for one */
};

/* ---- what is asked ---- */

/* A number from 1 to `most`, in decimal. False: it is none. */
static bool number_read(const char *text, uint64_t most, uint64_t *to)
{
	char *end;

	*to = strtoull(text, &end, 10);
	return text[0] >= '1' && text[0] <= '9' && !*end && strlen(text) < 20 && *to <= most;
}

static void refuse(struct request *r, const char *location, const char *name, const char *expected, const char *got)
{
	char sentence[ERROR_MAX], shown[64];

	error_format(sentence, "%s: expected %s, got '%s'", name, expected, text_printable(got, shown, sizeof shown));
	request_error(r, 400, location, name, sentence);
}

__attribute__((format(printf, 3, 0)))
static void nothing(struct request *r, const char *name, const char *format, const char *what)
{
	char sentence[ERROR_MAX], shown[80];

	error_format(sentence, format, text_printable(what, shown, sizeof shown));
	request_error(r, 404, "url", name, sentence);
}

/* The proxy of a path that begins with /proxies/NAME. NULL: refused. */
static struct proxy *proxy_named(struct request *r)
{
	struct proxy *p = control_find(request_control(r), request_param(r, 0));

	if (!p)
		nothing(r, "proxy", "there is no proxy '%s'", request_param(r, 0));
	return p;
}

/* ---- listed ---- */

struct listing {
	struct broadcast broadcast;
	struct stream stream;
	struct request *request;
	struct control *control;
	unsigned proxy_number;                 /* its number: it may have gone meanwhile ... */
	const struct proxy *proxy;        /* ... but not during a round */
	uint64_t most;
	size_t open, n, at;             /* connections, entries, the next to be told */
	const struct conn_info **sorted;
	unsigned workers;
	struct conn_list of[];             /* one per worker */
};

static void listing_ask(struct broadcast *broadcast, struct worker *w)
{
	struct listing *l = (struct listing *)broadcast;

	if (!l->of[w->index].whole)
		conn_list_continue(&l->of[w->index], l->proxy->shards[w->index], SLICE);
}

static json_t *address_json(const struct endpoint *e)
{
	char text[128];

	return e->len ? json_text(endpoint_show(e, text, sizeof text)) : json_null();
}

static json_t *seconds_json(vn_nsec t)
{
	return json_real((double)(t / VN_US) / 1e6);
}

static json_t *way_json(const struct conn_info *e, unsigned i)
{
	return json_pack("{s:I, s:I, s:I, s:b}", "received", (json_int_t)e->way[i].received, "sent", (json_int_t)e->way[i].sent,
	                 "held", (json_int_t)e->way[i].held, "ended", e->way[i].ended);
}

static json_t *entry_json(const struct conn_info *e)
{
	json_t *open = json_null(), *held = json_null();

	if (*e->verb)
		open = json_pack("{s:I, s:o}", "exchange", (json_int_t)(e->exchange & INT64_MAX), "verb", json_text(e->verb));
	if (*e->rule)
		held = json_pack("{s:o, s:o}", "rule", json_text(e->rule), "for", e->left == VN_NEVER ? json_null() : seconds_json(e->left));
	return json_pack("{s:I, s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
	                 "connection", (json_int_t)e->number, "client", address_json(&e->client), "backend", address_json(&e->backend),
	                 "state", e->connecting ? "dials" : e->raw ? "raw" : "open", "age", seconds_json(e->age), "idle", seconds_json(e->idle),
	                 "exchanges", (json_int_t)e->asked, "request", way_json(e, 0), "response", way_json(e, 1),
	                 "asks", open, "held_by", held);
}

static int by_number(const void *a, const void *b)
{
	const struct conn_info *x = *(const struct conn_info *const *)a, *y = *(const struct conn_info *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* All workers' entries in order; of too many, the newest. */
static void listing_sort(struct listing *l)
{
	size_t all = 0, n = 0;

	for (unsigned k = 0; k < l->workers; k++) {
		all += l->of[k].n;
		l->open += l->of[k].open;
	}
	l->sorted = xcalloc(all + 1, sizeof *l->sorted);
	for (unsigned k = 0; k < l->workers; k++)
		for (size_t i = 0; i < l->of[k].n; i++)
			l->sorted[n++] = &l->of[k].of[i];
	qsort(l->sorted, n, sizeof *l->sorted, by_number);
	l->n = n > l->most ? l->most : n;
	memmove(l->sorted, l->sorted + n - l->n, l->n * sizeof *l->sorted);
}

/* The next piece of the answer: an entry, with what stands around it. */
static size_t listing_piece(const struct listing *l, char *to, size_t room)
{
	size_t n = (size_t)snprintf(to, room, "%s", l->at == 0 ? "{\"connections\": [" : l->at < l->n ? ", " : "");

	if (l->at < l->n) {
		json_t *entry = entry_json(l->sorted[l->at]);
		n += json_dumpb(entry, to + n, room - n, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
		json_decref(entry);
	}
	if (l->at + 1 >= l->n)
		n += (size_t)snprintf(to + n, room - n, "], \"open\": %zu}", l->open);
	return n;
}

static ssize_t listing_pull(struct stream *s, char *bytes, size_t room)
{
	struct listing *l = OWNER(listing, stream, s);
	char piece[PIECE];
	size_t n = 0;

	while (l->at < l->n || l->at == 0) {
		size_t size = listing_piece(l, piece, sizeof piece);
		assert(size < sizeof piece && size <= room);
		if (n + size > room)
			break;
		memcpy(bytes + n, piece, size);
		n += size;
		l->at++;
	}
	return n ? (ssize_t)n : -1;
}

static void listing_gone(struct stream *s)
{
	struct listing *l = OWNER(listing, stream, s);

	for (unsigned k = 0; k < l->workers; k++)
		conn_list_free(&l->of[k]);
	free(l->sorted);
	free(l);
}

static bool listing_whole(const struct listing *l)
{
	bool whole = true;

	for (unsigned k = 0; k < l->workers; k++)
		whole &= l->of[k].whole;
	return whole;
}

/* A slice from each worker is here: on to the next, or to the answer. */
static void listing_told(struct broadcast *broadcast)
{
	struct listing *l = (struct listing *)broadcast;

	l->proxy = control_numbered(l->control, l->proxy_number);
	if (l->proxy && !listing_whole(l)) {
		control_broadcast(l->control, broadcast);
		return;
	}
	listing_sort(l);
	request_stream(l->request, "application/json", &l->stream);
}

static void list(struct request *r, const struct proxy *p)
{
	const char *limit = request_query(r, "limit");
	unsigned n = control_worker_count(request_control(r));
	uint64_t most = LISTED;

	if (limit && !number_read(limit, LISTED_MAX, &most)) {
		refuse(r, "query", "limit", "a number from 1 to 100000", limit);
		return;
	}
	struct listing *l = xcalloc(1, sizeof *l + n * sizeof *l->of);
	*l = (struct listing){ .broadcast = { listing_ask, listing_told }, .stream = { listing_pull, listing_gone }, .request = r,
	                       .control = request_control(r), .proxy_number = proxy_number(p), .proxy = p, .most = most, .workers = n };
	for (unsigned k = 0; k < n; k++)
		l->of[k].most = most;
	control_broadcast(l->control, &l->broadcast);
}

/* ---- ended ---- */

struct ending {
	struct broadcast broadcast;
	struct request *request;
	const struct proxy *proxy;
	uint64_t number;                /* 0: all */
	enum vn_end how;
	_Atomic size_t ended;
};

static void ending_ask(struct broadcast *broadcast, struct worker *w)
{
	struct ending *e = (struct ending *)broadcast;

	e->ended += conn_list_close(e->proxy->shards[w->index], e->number, e->how);
}

static void ending_told(struct broadcast *broadcast)
{
	struct ending *e = (struct ending *)broadcast;
	char number[24];

	snprintf(number, sizeof number, "%" PRIu64, e->number);
	if (e->number && !e->ended)
		nothing(e->request, "connection", "there is no connection %s, or none any more", number);
	else
		request_answer(e->request, 200, json_pack("{s:s, s:I}", "status", "ok", "ended", (json_int_t)e->ended));
	free(e);
}

/* `number`: of one, as the path has it; NULL: all. */
static void end(struct request *r, const struct proxy *p, const char *number)
{
	const char *how = request_query(r, "how");
	uint64_t one = 0;

	if (how && strcmp(how, "close") && strcmp(how, "reset")) {
		refuse(r, "query", "how", "close or reset", how);
		return;
	}
	if (number && !number_read(number, INT64_MAX, &one)) {
		refuse(r, "url", "connection", "a number", number);
		return;
	}
	struct ending *e = xcalloc(1, sizeof *e);
	e->broadcast = (struct broadcast){ ending_ask, ending_told };
	e->request = r;
	e->proxy = p;
	e->number = one;
	e->how = how && !strcmp(how, "reset") ? VN_RESET : VN_CLOSE;
	control_broadcast(request_control(r), &e->broadcast);
}

/* ---- the paths: /proxies/NAME/connections, /NAME/connections, and the first proxy's ---- */

static void list_own(struct request *r)
{
	list(r, request_proxy(r));
}

static void end_own(struct request *r)
{
	end(r, request_proxy(r), NULL);
}

static void end_own_one(struct request *r)
{
	end(r, request_proxy(r), request_param(r, 0));
}

static void list_named(struct request *r)
{
	struct proxy *p = proxy_named(r);

	if (p)
		list(r, p);
}

static void end_named(struct request *r)
{
	struct proxy *p = proxy_named(r);

	if (p)
		end(r, p, NULL);
}

static void end_named_one(struct request *r)
{
	struct proxy *p = proxy_named(r);

	if (p)
		end(r, p, request_param(r, 1));
}

static const struct route routes[] = {
	{ "GET",    "/connections",                list_own,      true },
	{ "DELETE", "/connections",                end_own,       true },
	{ "DELETE", "/connections/{}",             end_own_one,   true },
	{ "GET",    "/proxies/{}/connections",     list_named,    false },
	{ "DELETE", "/proxies/{}/connections",     end_named,     false },
	{ "DELETE", "/proxies/{}/connections/{}",  end_named_one, false },
	{ NULL },
};

DIALECT(connections, .routes = routes)
