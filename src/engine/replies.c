/* replies.c - replies written by us in the protocol's format, in the server's stead. */
#include "engine/replies.h"

#include "engine/conn_exchange.h"
#include "engine/conn_rules.h"
#include "engine/piece.h"
#include "engine/requests.h"

bool reply_due(const struct conn *c)
{
	const struct exchange *x = c->exchanges.first;

	return x && exchange_needs_us(x) && x->sent && !x->discard_replies && !c->response.ended && !c->response.eof;
}

bool reply_write(struct conn *c, struct exchange *x, const struct vn_failure *f, struct holds *late)
{
	struct vn_session *t = conn_session(c);

	t->self->word(t, x ? &x->asked : NULL, f, t->scratch);
	conn_session_end(c);
	bool close = t->close;
	pipe_insert(&c->response, vn_buffer_span(t->scratch), x, late);
	return close;
}

void reply_send(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	enum vn_end end = x->end;

	if (x->failure) {
		struct holds *late;
		struct judgement j;
		struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE, .msg = &x->asked, .exchange = x->number, .flags = &x->flags };
		late = conn_judge(c, &q, &j) ? holds_make(x->late, &j) : holds_ref(x->late);
		x->asked.note &= ~VN_NOTE_SUBSTITUTE;
		if (reply_write(c, x, x->failure, late) && !end)
			end = VN_CLOSE;
		holds_unref(late);
		exchange_answered(c);
		if (c->no_sequel)
			sequel_forget(c);
	} else if (!x->end) {
		exchange_over(c);
	}
	pipe_wake(&c->request);
	if (end != VN_STAY)
		pipe_end(&c->response, end);
}
