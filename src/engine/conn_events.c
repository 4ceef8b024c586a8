/* conn_events.c - lines and events "opened" and "closed", of connections and of flows. */
#include "engine/conn_events.h"

#include "base/log.h"
#include "engine/birth.h"

bool conn_opened_is_read(void)
{
	return log_threshold <= LOG_DEBUG || journal_wants(JOURNAL_OPENED);
}

static void birth_put(struct journal_entry *n, const struct birth *b)
{
	char text[128];

	if (b->process.pid)
		journal_process(n, "process", (unsigned)b->process.pid, b->process.name);
	journal_text(n, "destination", endpoint_show(&b->to, text, sizeof text));
}

void conn_opened_write(const struct spec *s, uint64_t number, vn_nsec since, const char *client,
                       const struct birth *born)
{
	struct journal_entry n;

	log_debug("opened proxy=%s connection=%llu client=%s", s->name,
	          (unsigned long long)number, client);
	if (!journal_wants(JOURNAL_OPENED))
		return;
	journal_begin(&n, JOURNAL_OPENED, since, s->name);
	journal_count(&n, "connection", number);
	journal_text(&n, "client", client);
	journal_text(&n, "backend", s->backend.text);
	if (born)
		birth_put(&n, born);
	journal_write(&n);
}

void conn_closed_log(const char *proxy, uint64_t number, enum close_reason why)
{
	log_debug("closed proxy=%s connection=%llu why=\"%s\"", proxy,
	          (unsigned long long)number, close_reason_names[why].text);
}

void conn_closed_begin(struct journal_entry *n, const struct conn_closed *c)
{
	journal_begin(n, JOURNAL_CLOSED, c->now, c->proxy);
	journal_count(n, "connection", c->number);
	journal_text(n, "reason", close_reason_names[c->why].name);
	journal_text(n, "how", c->reset ? "reset" : "close");
	journal_seconds(n, "age", c->now - c->since);
	journal_count(n, "exchanges", c->exchanges);
	journal_count(n, "request_received", c->request.came);
	journal_count(n, "request_sent", c->request.sent);
	journal_count(n, "response_received", c->response.came);
	journal_count(n, "response_sent", c->response.sent);
}
