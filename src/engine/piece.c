/* piece.c - pieces of a message: rules change, hold or cut them. */
#include "engine/piece.h"

#include <string.h>

#include "engine/conn_rules.h"

/* Queues a piece with junk inserted and bits flipped. */
static void pipe_spoil(struct pipe *p, const uint8_t *bytes, size_t n, const struct vn_dirt *dirt,
                       struct holds *why)
{
	size_t at = dirt->at == VN_MIDDLE ? n / 2 : dirt->at < n ? dirt->at : n;
	struct vn_dice d = dice_at(&p->conn->shard->junk, p->conn->number, p->offset, p->direction);
	if (!n && !dirt->junk)
		return;
	uint8_t *to = pipe_put(p, PARCEL_BYTES, n + dirt->junk, why)->bytes;
	memcpy(to, bytes, at);
	dice_fill(&d, to + at, dirt->junk);
	memcpy(to + at + dirt->junk, bytes + at, n - at);
	for (unsigned i = 0; i < dirt->flips && n; i++) {
		uint64_t bit = vn_dice_below(&d, (uint64_t)n * 8);
		size_t byte = bit / 8 < at ? bit / 8 : bit / 8 + dirt->junk;
		to[byte] ^= (uint8_t)(1 << bit % 8);
	}
}

static void passed_add(struct pipe *p, size_t n)
{
	struct conn *c = p->conn;

	for (unsigned i = 0; c->ruled->states && i < c->plan->n; i++)
		if (c->ruled->states[i])
			c->ruled->states[i]->passed[p->direction == VN_RESPONSE] += n;
}

bool pipe_asks(const struct pipe *p)
{
	const struct conn *c = p->conn;

	const struct exchange *x = p->work->now.exchange;

	return c->plan->moments & VN_ON_DATA &&
	       plan_asks(c->plan, VN_ON_DATA, &c->ruled->whole, x ? &x->flags : NULL);
}

/* Judges a piece at VN_ON_DATA. The holds are added to those of the message. */
static void piece_judge(struct pipe *p, uint8_t *bytes, size_t n, struct vn_verdict *v,
                        struct holds **why, enum vn_end *end)
{
	struct judgement j;
	struct question q = { .moment = VN_ON_DATA, .direction = p->direction, .data = bytes,
	                      .len = n, .offset = p->offset,
	                      .interim = p->work->now.role == VN_INTERIM };

	if (p->work->now.exchange) {
		q.exchange = p->work->now.exchange->number;
		q.flags = &p->work->now.exchange->flags;
		q.msg = &p->work->now.exchange->asked;
	}
	if (!conn_judge(p->conn, &q, &j))
		return;
	*why = holds_make(p->work->now.holds, &j);
	*v = j.v;
	conn_apply_end(p->conn, &j, end);
}

void piece_apply(struct pipe *p, uint8_t *bytes, size_t n)
{
	struct current *m = &p->work->now;
	struct vn_verdict v = { .keep = VN_ALL };
	struct holds *why = NULL;
	enum vn_end end = VN_STAY;
	struct vn_dirt dirt = m->dirt;

	if (m->gone && !dirt.junk)
		return;
	if (!m->gone && pipe_asks(p))
		piece_judge(p, bytes, n, &v, &why, &end);
	if (!why)
		why = holds_ref(m->holds);
	size_t keep = v.fate == VN_PASS && !m->gone ? v.keep : 0;
	if (keep > m->keep)
		keep = m->keep;
	bool cut = keep < n;
	if (!cut)
		keep = n;
	if (m->keep != UINT64_MAX)
		m->keep -= keep;
	dirt.junk += v.dirt.junk;
	if (!m->dirt.junk)
		dirt.at = v.dirt.at;
	dirt.flips += v.dirt.flips;
	m->dirt = (struct vn_dirt){ 0 };
	if (dirt.junk || dirt.flips)
		pipe_spoil(p, bytes, keep, &dirt, why);
	else if (why)
		pipe_queue_bytes(p, (struct vn_span){ bytes, keep }, why);
	else
		pipe_run_extend(p, bytes, keep);
	holds_unref(why);
	if (p->conn->plan->moments & VN_ON_DATA)
		passed_add(p, keep);
	if (end != VN_STAY && (v.keep == VN_ALL || cut))        /* a limit: when it is reached */
		pipe_end(p, end);
	else if (m->end != VN_STAY && m->keep == 0)     /* a reply cut short */
		pipe_end(p, m->end);
}

void pipe_insert(struct pipe *p, struct vn_span bytes, struct exchange *x, struct holds *late)
{
	struct current was = p->work->now;

	pipe_work_acquire(p);
	p->work->now = (struct current){
		.open = true, .keep = UINT64_MAX, .exchange = x, .holds = late
	};
	if (bytes.n)
		piece_pass(p, (uint8_t *)bytes.p, bytes.n);
	pipe_run_flush(p);      /* the bytes may be in the scratch buffer */
	p->work->now = was;
}

void piece_skip(struct pipe *p, size_t n)
{
	if (p->conn->plan->moments & VN_ON_DATA)
		passed_add(p, n);
}
