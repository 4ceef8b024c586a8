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
	LIST_DEFAULT = 10000,           /* connections in one answer, without ?limit= ... */
	LIST_MAX     = 100000,          /* ... and at most */
	SLICE        = 256,             /* listed by a worker in one call: others wait meanwhile */
	PIECE        = 4096,            /* bytes: more than one connection takes as JSON */
};

/* ---- what is asked ---- */

/* A number from 1 to `most`, in decimal. False: it is none. */
static bool number_read(const char *text, uint64_t most, uint64_t *to)
{
	char *end;

	*to = strtoull(text, &end, 10);
	return text[0] >= '1' && text[0] <= '9' && !*end && strlen(text) < 20 && *to <= most;
}

static void refuse(struct request *r, const char *location, const char *name, const char *expected,
                   const char *got)
{
	char sentence[ERROR_MAX], shown[64];

	error_format(sentence, "%s: expected %s, got '%s'", name, expected,
	             text_printable(got, shown, sizeof shown));
	request_error(r, 400, location, name, sentence);
}

/* The proxy of /proxies/{}/connections. NULL: a 404 was sent. */
static struct proxy *path_proxy(struct request *r)
{
	const char *name = request_param(r, 0);
	struct proxy *p = control_find(request_control(r), name);

	if (!p)
		request_no_proxy(r, name);
	return p;
}

/* ---- list ---- */

/* One answer in the making. Workers fill their lists, slice by slice, in one broadcast after
 * another; then the answer is streamed. */
struct listing {
	struct broadcast broadcast;
	struct stream stream;
	struct request *request;
	struct control *control;
	unsigned proxy_number;          /* it may be removed between two broadcasts ... */
	const struct proxy *proxy;      /* ... but not during one */
	uint64_t most;
	size_t open;                    /* connections in all */
	size_t n, at;                   /* connections of the answer; the next one to be written */
	const struct conn_info **sorted;        /* n of them */
	unsigned workers;
	struct conn_list lists[];       /* one per worker */
};

static void listing_ask(struct broadcast *b, struct worker *w)
{
	struct listing *l = OWNER(listing, broadcast, b);
	struct conn_list *list = &l->lists[w->index];

	if (!list->whole)
		conn_list_continue(list, l->proxy->shards[w->index], SLICE);
}

static json_t *address_json(const struct endpoint *e)
{
	char text[128];

	return e->len ? json_text(endpoint_show(e, text, sizeof text)) : json_null();
}

static json_t *direction_json(const struct conn_info *c, unsigned i)
{
	return json_pack("{s:I, s:I, s:I, s:b}", "received", (json_int_t)c->way[i].received,
	                 "sent", (json_int_t)c->way[i].sent, "held", (json_int_t)c->way[i].held,
	                 "ended", c->way[i].ended);
}

/* The request that waits for its response; null: none does. */
static json_t *exchange_json(const struct conn_info *c)
{
	if (!*c->verb)
		return json_null();
	return json_pack("{s:I, s:o}", "exchange", (json_int_t)(c->exchange & INT64_MAX),
	                 "verb", json_text(c->verb));
}

/* The rule that holds it; null: none does. */
static json_t *rule_hold_json(const struct conn_info *c)
{
	if (!*c->rule)
		return json_null();
	return json_pack("{s:o, s:o}", "rule", json_text(c->rule),
	                 "for", c->left == VN_NEVER ? json_null() : json_seconds(c->left));
}

/* Who connected, and where to, of a client that `vaurien run` has caught. */
static void caught_add(json_t *all, const struct conn_info *c)
{
	const struct process *p = &c->process;

	if (!c->destination.len)
		return;
	json_object_set_new(all, "process", p->pid ? json_pack("{s:i, s:o}", "pid", p->pid,
	                                                       "name", json_text(p->name)) :
	                                             json_null());
	json_object_set_new(all, "destination", address_json(&c->destination));
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_text(text) : json_null();
}

/* The TLS of a leg; null: it has none, or not yet. */
static json_t *tls_json(const struct tls_about *a)
{
	if (!a || !a->version[0])
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:b}", "version", json_text(a->version),
	                 "cipher", json_text(a->cipher), "alpn", text_or_null(a->alpn),
	                 "server_name", text_or_null(a->name), "resumed", a->resumed,
	                 "peer", text_or_null(a->peer), "verified", a->verified);
}

/* Nothing, if neither leg has TLS. */
static void tls_add(json_t *all, const struct conn_info *c)
{
	if (c->tls[0] || c->tls[1])
		json_object_set_new(all, "tls", json_pack("{s:o, s:o}",
		                    "client", tls_json(c->tls[0]),
		                    "backend", tls_json(c->tls[1])));
}

static json_t *conn_json(const struct conn_info *c)
{
	const char *state = c->connecting ? "dials" : c->raw ? "raw" : "open";
	json_t *all = json_pack("{s:I, s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
	                 "connection", (json_int_t)c->number,
	                 "client", address_json(&c->client), "backend", address_json(&c->backend),
	                 "state", state, "age", json_seconds(c->age), "idle", json_seconds(c->idle),
	                 "exchanges", (json_int_t)c->asked,
	                 "request", direction_json(c, 0), "response", direction_json(c, 1),
	                 "asks", exchange_json(c), "held_by", rule_hold_json(c));

	tls_add(all, c);
	caught_add(all, c);
	return all;
}

static int by_number(const void *a, const void *b)
{
	const struct conn_info *x = *(const struct conn_info *const *)a;
	const struct conn_info *y = *(const struct conn_info *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* All workers' connections in the order of their numbers; if there are too many, the newest. */
static void listing_sort(struct listing *l)
{
	size_t all = 0, n = 0;

	for (unsigned k = 0; k < l->workers; k++) {
		all += l->lists[k].n;
		l->open += l->lists[k].open;
	}
	l->sorted = xcalloc(all + 1, sizeof *l->sorted);
	for (unsigned k = 0; k < l->workers; k++)
		for (size_t i = 0; i < l->lists[k].n; i++)
			l->sorted[n++] = &l->lists[k].of[i];
	qsort(l->sorted, n, sizeof *l->sorted, by_number);
	l->n = n > l->most ? l->most : n;
	memmove(l->sorted, l->sorted + n - l->n, l->n * sizeof *l->sorted);
}

/* The next piece of the answer: a connection, and the text before and after it. */
static size_t listing_piece(const struct listing *l, char *to, size_t room)
{
	const char *before = l->at == 0 ? "{\"connections\": [" : l->at < l->n ? ", " : "";
	size_t n = (size_t)snprintf(to, room, "%s", before);

	if (l->at < l->n) {
		json_t *conn = conn_json(l->sorted[l->at]);
		n += json_dumpb(conn, to + n, room - n,
		                JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
		json_decref(conn);
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
		conn_list_free(&l->lists[k]);
	free(l->sorted);
	free(l);
}

static bool listing_whole(const struct listing *l)
{
	bool whole = true;

	for (unsigned k = 0; k < l->workers; k++)
		whole &= l->lists[k].whole;
	return whole;
}

/* Every worker has listed a slice. If there is more, ask again, else answer. */
static void listing_listed(struct broadcast *b)
{
	struct listing *l = OWNER(listing, broadcast, b);

	l->proxy = control_numbered(l->control, l->proxy_number);
	if (l->proxy && !listing_whole(l)) {
		control_broadcast(l->control, b);
		return;
	}
	listing_sort(l);
	request_stream(l->request, 200, TYPE_JSON, &l->stream);
}

static void list(struct request *r, const struct proxy *p)
{
	const char *limit = request_query(r, "limit");
	unsigned n = control_worker_count(request_control(r));
	uint64_t most = LIST_DEFAULT;

	if (limit && !number_read(limit, LIST_MAX, &most)) {
		refuse(r, "query", "limit", "a number from 1 to 100000", limit);
		return;
	}
	struct listing *l = xcalloc(1, sizeof *l + n * sizeof *l->lists);
	*l = (struct listing){
		.broadcast = { listing_ask, listing_listed },
		.stream = { listing_pull, listing_gone },
		.request = r, .control = request_control(r), .proxy_number = proxy_number(p),
		.proxy = p, .most = most, .workers = n,
	};
	for (unsigned k = 0; k < n; k++)
		l->lists[k].most = most;
	control_broadcast(l->control, &l->broadcast);
}

/* ---- close, reset ---- */

struct closing {
	struct broadcast broadcast;
	struct request *request;
	const struct proxy *proxy;
	uint64_t number;                /* of the connection; 0: all */
	enum vn_end how;
	_Atomic size_t closed;
};

static void closing_ask(struct broadcast *b, struct worker *w)
{
	struct closing *c = OWNER(closing, broadcast, b);

	c->closed += conn_list_close(c->proxy->shards[w->index], c->number, c->how);
}

static void closing_answer(const struct closing *c)
{
	char error[ERROR_MAX];

	if (c->number && !c->closed) {
		error_format(error, "there is no connection %" PRIu64 ", or none any more",
		             c->number);
		request_error(c->request, 404, "url", "connection", error);
		return;
	}
	request_answer(c->request, 200, json_pack("{s:s, s:I}", "status", "ok",
	                                          "ended", (json_int_t)c->closed));
}

static void closing_closed(struct broadcast *b)
{
	struct closing *c = OWNER(closing, broadcast, b);

	closing_answer(c);
	free(c);
}

/* `number`: the connection's, as in the path; NULL: all. */
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
	struct closing *c = xcalloc(1, sizeof *c);
	c->broadcast = (struct broadcast){ closing_ask, closing_closed };
	c->request = r;
	c->proxy = p;
	c->number = one;
	c->how = how && !strcmp(how, "reset") ? VN_RESET : VN_CLOSE;
	control_broadcast(request_control(r), &c->broadcast);
}

/* ---- /connections of the first proxy, and /PROXY/connections ---- */

static void list_first(struct request *r)
{
	list(r, request_proxy(r));
}

static void end_first(struct request *r)
{
	end(r, request_proxy(r), NULL);
}

static void end_first_one(struct request *r)
{
	end(r, request_proxy(r), request_param(r, 0));
}

/* ---- /proxies/NAME/connections ---- */

static void list_named(struct request *r)
{
	struct proxy *p = path_proxy(r);

	if (p)
		list(r, p);
}

static void end_named(struct request *r)
{
	struct proxy *p = path_proxy(r);

	if (p)
		end(r, p, NULL);
}

static void end_named_one(struct request *r)
{
	struct proxy *p = path_proxy(r);

	if (p)
		end(r, p, request_param(r, 1));
}

static const struct route routes[] = {
	{ "GET",    "/connections",                list_first,    true },
	{ "DELETE", "/connections",                end_first,     true },
	{ "DELETE", "/connections/{}",             end_first_one, true },
	{ "GET",    "/proxies/{}/connections",     list_named,    false },
	{ "DELETE", "/proxies/{}/connections",     end_named,     false },
	{ "DELETE", "/proxies/{}/connections/{}",  end_named_one, false },
	{ NULL },
};

DIALECT(connections, .routes = routes)
