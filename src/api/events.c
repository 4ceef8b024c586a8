/* events.c - GET /events: a stream of server-sent events, for as long as its client stays; and
 * POST /marks: an event of a client's own. */
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "base/memory.h"
#include "control/events.h"

#define PING (15 * VN_S)                /* without events, until a comment is sent: sending fails if
                                           the client is gone */

struct follower {                       /* one stream */
	struct stream stream;
	struct subscriber subscriber;
	struct loop *loop;
	struct timer ping;
	bool pinged;                    /* a comment is due */
};

static const char ping[] = ": still here\n\n";

static ssize_t follower_pull(struct stream *s, char *bytes, size_t room)
{
	struct follower *f = OWNER(follower, stream, s);
	struct vn_span waiting = subscriber_waiting(&f->subscriber);
	size_t n = waiting.n < room ? waiting.n : room;

	timer_set(f->loop, &f->ping, f->loop->now + PING);
	if (!n && f->pinged) {
		f->pinged = false;
		memcpy(bytes, ping, sizeof ping - 1);
		return sizeof ping - 1;
	}
	f->pinged = false;
	memcpy(bytes, waiting.p, n);
	subscriber_took(&f->subscriber, n);
	return (ssize_t)n;
}

static void follower_gone(struct stream *s)
{
	struct follower *f = OWNER(follower, stream, s);

	timer_stop(f->loop, &f->ping);
	subscriber_close(&f->subscriber);
	free(f);
}

static void follower_ready(struct subscriber *s)
{
	stream_wake(&OWNER(follower, subscriber, s)->stream);
}

static void follower_ping(struct timer *t)
{
	struct follower *f = OWNER(follower, ping, t);

	f->pinged = true;
	stream_wake(&f->stream);
}

static void get_events(struct request *r)
{
	const char *types = request_query(r, "type"), *proxy = request_query(r, "proxy");
	unsigned wants = JOURNAL_USUAL;
	char error[ERROR_MAX];

	if (types && !events_types(types, &wants, error)) {
		request_error(r, 400, "query", "type", error);
		return;
	}
	struct follower *f = xcalloc(1, sizeof *f);
	*f = (struct follower){
		.stream = { follower_pull, follower_gone, .endless = true },
		.loop = control_loop(request_control(r)), .ping.fire = follower_ping,
		.subscriber = { .wants = wants, .stream = true, .ready = follower_ready },
	};
	subscriber_open(&f->subscriber, proxy);
	request_set_header(r, "Cache-Control", "no-cache");
	request_stream(r, 200, "text/event-stream", &f->stream);
}

/* ---- marks ---- */

static bool mark_fits(const char *text)
{
	size_t n = text ? strlen(text) : 0;

	return n >= 1 && n <= JOURNAL_WORDS;
}

/* A text among the events, so that a log or a metric can be laid beside them. */
static void post_mark(struct request *r)
{
	json_t *body = request_object(r);
	const char *text = json_string_value(json_object_get(body, "text"));
	struct journal_entry n;

	if (!body)
		return;
	if (!mark_fits(text)) {
		request_error(r, 400, "body", "text", "text: expected 1 to 200 bytes of text");
	} else {
		if (journal_wants(JOURNAL_MARK)) {
			journal_begin(&n, JOURNAL_MARK, clock_monotonic(), NULL);
			journal_text(&n, "text", text);
			journal_text(&n, "by", request_client(r));
			journal_write(&n);
		}
		request_answer(r, 200, json_pack("{s:s}", "status", "ok"));
	}
	json_decref(body);
}

static const struct route routes[] = {
	{ "GET", "/events", get_events, false },
	{ "POST", "/marks", post_mark, false },
	{ NULL },
};

DIALECT(events, .routes = routes)
