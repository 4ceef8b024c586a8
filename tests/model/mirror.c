/* mirror.c - simple second engine that predicts what each peer of the proxy receives. */
#include "mirror.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/dice.h"

#define LINGER (2 * VN_S)

/* ---- rules ---- */

static struct mirror_rule *rule_of(const struct mirror_rules *r, uint64_t id)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->rule[i].id == id)
			return (struct mirror_rule *)&r->rule[i];
	return NULL;
}

/* Returns the same rule, perhaps with other options. */
static bool has(const struct mirror_rules *r, const struct mirror_rule *of)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->rule[i].origin == of->origin)
			return true;
	return false;
}

static bool certain(const struct mirror_rule *r)
{
	return r->low <= 0 && r->high >= 1;
}

static bool drawn(const struct mirror_rule *r, uint64_t connection, uint64_t exchange,
                  unsigned moment)
{
	struct vn_dice d = dice_at(&r->dice, connection, exchange, moment);
	double u = vn_dice_unit(&d);

	return certain(r) || (u >= r->low && u < r->high);
}

static unsigned slot_of(struct mirror_stand *s, uint64_t id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->id[i] == id)
			return i;
	assert(s->n < 512);
	s->id[s->n] = id;
	s->in[s->n] = s->counted[s->n] = s->struck[s->n] = false;
	return s->n++;
}

static bool is_in(struct mirror_stand *s, uint64_t id)
{
	return s->in[slot_of(s, id)];
}

static bool strikes(struct mirror_rule *r, struct mirror_stand *s)
{
	unsigned i = slot_of(s, r->origin);

	if (!s->counted[i]) {
		s->counted[i] = true;
		s->struck[i] = r->count >= r->skip && r->count - r->skip < r->times;
		r->count++;
	}
	return s->struck[i];
}

/* The folded verdicts of all rules at one moment. */
struct say {
	bool any, drop, reply;
	const char *failure; uint64_t failure_rule;
	size_t keep;
	struct mirror_lot holds;
	/* An end in turn. Only VN_ON_REST uses `after`. */
	enum vn_end end; vn_nsec after; uint64_t end_rule;
	struct mirror_clock clocks[RULES]; unsigned n_clocks;
};

static void say_end(struct say *y, const struct mirror_rule *r, enum vn_end end, vn_nsec after,
                    enum vn_moment m)
{
	if (m == VN_ON_LEAVE)
		after = 0;
	if (after && m != VN_ON_REST) {
		y->clocks[y->n_clocks++] = (struct mirror_clock){ r->id, after, end };
		return;
	}
	if (end > y->end || (end == y->end && after < y->after)) {
		y->end_rule = r->id;
		y->after = after;
	}
	if (end > y->end)
		y->end = end;
}

static void say_hold(struct say *y, const struct mirror_rule *r, vn_nsec hold)
{
	if (hold)
		y->holds.share[y->holds.n++] = (struct mirror_share){ r->id, hold };
}

/* ACCEPTED: a client whose server does not greet */
enum kind { COMMAND, OPENING, PUSHED, ACCEPTED };

static bool fits(const char *failure, enum vn_moment m, enum kind kind)
{
	if (!strcmp(failure, "idle"))
		return m == VN_ON_REST;
	if (!strcmp(failure, "full"))
		return m == VN_ON_REQUEST && (kind == OPENING || kind == ACCEPTED);
	return m == VN_ON_REQUEST && kind == COMMAND;
}

static const unsigned moments[TOYS] = {
	[LATE] = VN_ON_REQUEST | VN_ON_RESPONSE,
	[HUNG] = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_END,
	[REFUSED] = VN_ON_REQUEST,
	[LOST] = VN_ON_REQUEST,
	[MUTE] = VN_ON_RESPONSE,
	[CUT] = VN_ON_RESPONSE,
	[ENDED] = VN_ON_REQUEST,
	[OPEN] = VN_ON_OPEN,
	[LEAVE] = VN_ON_LEAVE,
	[IDLE] = VN_ON_REST,
	[SLOW] = VN_ON_DATA,
};

static void say_one(struct say *y, struct mirror_rule *r, struct mirror_stand *s, enum vn_moment m,
                    enum kind kind)
{
	vn_nsec hold = r->toy == HUNG                        ? VN_NEVER :
	               r->toy == SLOW || m == VN_ON_RESPONSE ? r->after :
	                                                       r->before;
	const char *failure = r->toy == IDLE ? "idle" : r->failure;
	enum vn_end end = r->n ? VN_RESET : VN_CLOSE;

	if ((r->toy == REFUSED || r->toy == IDLE) && !fits(failure, m, kind))
		return;
	if (kind == ACCEPTED && r->toy != REFUSED)
		return;
	if ((r->toy == LATE || r->toy == SLOW) && !hold)
		return;
	if (!strikes(r, s))
		return;
	y->any = true;
	switch (r->toy) {
	case LATE: case HUNG: case SLOW:
		say_hold(y, r, hold);
		break;
	case REFUSED: case IDLE:
		y->reply = true;
		if (!y->failure) {
			y->failure = failure;
			y->failure_rule = r->id;
		}
		if (strcmp(failure, "no") && strcmp(failure, "twice") && strcmp(failure, "quiet") &&
		    strcmp(failure, "edited"))
			say_end(y, r, VN_CLOSE, r->toy == IDLE ? r->after : 0, m);
		break;
	case LOST: case MUTE:
		y->drop = true;
		break;
	case CUT:
		if ((size_t)r->n < y->keep)
			y->keep = (size_t)r->n;
		break;
	default:
		say_end(y, r, end, r->after, m);
	}
}

/* Judges one moment. flags NULL: it concerns the whole connection. */
static struct say say(struct mirror_conn *c, struct mirror_rules *rules, struct mirror_stand *flags,
                      enum vn_moment m, enum kind kind, const struct mirror_rules *except)
{
	struct say y = { .keep = SIZE_MAX };

	for (unsigned i = 0; i < rules->n; i++) {
		struct mirror_rule *r = &rules->rule[i];
		struct mirror_stand *s = !flags || r->per_connection ? &c->whole : flags;
		bool in = is_in(s, r->origin) || (!flags && certain(r) && !r->per_connection);
		if (!(moments[r->toy] & m) || !in ||
		    (except && (m == VN_ON_LEAVE ? has(except, r) : !!rule_of(except, r->id))))
			continue;
		say_one(&y, r, s, m, kind);
	}
	return y;
}

/* ---- streams ---- */

static struct mirror_piece *put(struct mirror_stream *s, int kind, const void *bytes, size_t n,
                                vn_nsec now, const struct mirror_lot *holds)
{
	struct mirror_piece *p = calloc(1, sizeof *p);

	assert(p);
	p->kind = kind;
	p->bytes = malloc(n + 1);
	memcpy(p->bytes, bytes, n);
	p->n = n;
	p->came = now;
	if (holds)
		p->holds = *holds;
	if (s->last)
		s->last->next = p;
	else
		s->first = p;
	s->last = p;
	return p;
}

static vn_nsec late(const struct mirror_conn *c, const struct mirror_lot *l)
{
	vn_nsec sum = 0;

	for (unsigned i = 0; i < l->n; i++)
		if (rule_of(c->rules, l->share[i].rule))
			sum = l->share[i].hold == VN_NEVER || sum == VN_NEVER ?
			              VN_NEVER :
			              sum + l->share[i].hold;
	return sum;
}

static void lot_add(struct mirror_lot *to, const struct mirror_lot *from)
{
	for (unsigned i = 0; i < from->n && to->n < SHARES; i++)
		to->share[to->n++] = from->share[i];
}

static void over(struct mirror_conn *c, enum vn_end how)
{
	if (!c->over)
		c->how = how;
	c->over = true;
}

static struct mirror_exchange *exchange_of(struct mirror_conn *c, uint64_t number)
{
	struct mirror_exchange *x = c->first;

	while (x && x->number != number)
		x = x->next;
	assert(x);
	return x;
}

static void arrive(struct mirror_stream *s, const uint8_t *bytes, size_t n)
{
	if (s->n + n > s->room) {
		s->room = (s->n + n) * 2;
		s->sent = realloc(s->sent, s->room);
	}
	memcpy(s->sent + s->n, bytes, n);
	s->n += n;
}

static bool release(struct mirror_conn *c, struct mirror_stream *s, vn_nsec now)
{
	bool any = false;

	if (s == &c->up && !c->linked)
		return false;
	for (struct mirror_piece *p; (p = s->first) && !c->over; any = true) {
		vn_nsec hold = late(c, &p->holds);
		if (hold == VN_NEVER || p->came + hold > now)
			break;
		s->first = p->next;
		if (!s->first)
			s->last = NULL;
		if (p->kind == M_BYTES)
			arrive(s, p->bytes, p->n);
		else if (p->kind == M_MARK)
			exchange_of(c, p->exchange)->sent = true;
		else if (p->kind == M_FIN)
			s->shut = true;
		else
			over(c, p->end);
		free(p->bytes);
		free(p);
	}
	if (c->up.shut && c->down.shut)
		over(c, VN_CLOSE);
	return any;
}

/* ---- exchanges ---- */

static bool minds(const struct mirror_exchange *x)
{
	return x->failure || x->end || x->dropped || x->told;
}

static void decide(struct mirror_conn *c, struct mirror_exchange *x, bool fresh)
{
	for (unsigned i = 0; i < c->rules->n; i++) {
		struct mirror_rule *r = &c->rules->rule[i];
		if (!r->per_connection &&
		    moments[r->toy] & (VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA) &&
		    (!fresh || c->epochs[i] > x->epoch))
			x->flags.in[slot_of(&x->flags, r->origin)] |=
				drawn(r, c->number, x->number, 0);
	}
	x->epoch = c->epoch;
}

static struct mirror_exchange *exchange_new(struct mirror_conn *c, uint64_t number)
{
	struct mirror_exchange *x = calloc(1, sizeof *x);

	assert(x);
	x->number = number;
	if (c->last)
		c->last->next = x;
	else
		c->first = x;
	c->last = x;
	decide(c, x, false);
	return x;
}

static void exchange_pop(struct mirror_conn *c)
{
	struct mirror_exchange *x = c->first;

	if (c->up.own == x)
		c->up.own = NULL;
	c->first = x->next;
	if (!c->first)
		c->last = NULL;
	free(x);
}

static void ends(struct mirror_conn *c, const struct say *y, enum vn_end *in_turn, vn_nsec now)
{
	for (unsigned i = 0; i < y->n_clocks; i++) {
		struct mirror_clock *k = c->clocks, new = y->clocks[i];
		new.due += now;
		while (k->due && k->rule != new.rule)
			k++;
		if (!k->due || new.due < k->due)
			*k = new;
	}
	if (y->end != VN_STAY)
		*in_turn = y->end;
}

/* Stops the clocks of rules that went, or have other options now. */
static void clocks_change(struct mirror_conn *c, const struct mirror_rules *to)
{
	struct mirror_clock kept[RULES + 1] = { 0 };
	unsigned n = 0;

	for (struct mirror_clock *k = c->clocks; k->due; k++)
		if (rule_of(to, k->rule))
			kept[n++] = *k;
	memcpy(c->clocks, kept, sizeof kept);
}

static enum vn_end clocks_strike(const struct mirror_conn *c, vn_nsec now)
{
	enum vn_end end = VN_STAY;

	for (const struct mirror_clock *k = c->clocks; k->due; k++)
		if (k->due <= now && k->end > end)
			end = k->end;
	return end;
}

static void finish(struct mirror_conn *c, enum vn_end end, vn_nsec now)
{
	put(&c->down, M_END, "", 0, now, NULL)->end = end;
	c->up.ended = c->down.ended = true;
}

static void fails(struct mirror_exchange *x, const char *failure)
{
	x->failure = failure;
	if ((!strcmp(failure, "bye") || !strcmp(failure, "full")) && !x->end)
		x->end = VN_CLOSE;
}

static void settle(struct mirror_conn *c, vn_nsec now)
{
	struct mirror_exchange *x;

	while ((x = c->first) && minds(x) && x->sent && !x->swallow && !c->down.ended &&
	       !c->down.fin && !c->down.open) {
		enum vn_end end = x->end;
		if (x->failure) {
			char text[32] = "=E";
			struct say y = say(c, c->rules, &x->flags, VN_ON_RESPONSE, COMMAND, NULL);
			struct mirror_lot holds = x->late;
			lot_add(&holds, &y.holds);
			y = say(c, c->rules, &x->flags, VN_ON_DATA, COMMAND, NULL);
			lot_add(&holds, &y.holds);
			strcat(strcat(text, x->failure), "\n");
			put(&c->down, M_BYTES, text, strlen(text), now, &holds);
		}
		if (x->offer && x->failure && !strcmp(x->failure, "agreed"))
			c->mode = M_SEQUEL;
		if (!x->end || x->failure)
			exchange_pop(c);
		if (end)
			finish(c, end, now);
	}
}

static bool rests(const struct mirror_conn *c)
{
	const struct mirror_stream *u = &c->up, *d = &c->down;

	return c->linked && !c->first && !u->first && !d->first && !u->open && !d->open &&
	       !u->fin && !d->fin && !u->ended && !d->ended;
}

static void rest_strike(struct mirror_conn *c, vn_nsec now)
{
	struct say y = say(c, c->rules, NULL, VN_ON_DATA, COMMAND, NULL);
	put(&c->down, M_BYTES, "=Eidle\n", 7, now, &y.holds);
	finish(c, VN_CLOSE, now);
	c->rest_due = 0;
}

static void run(struct mirror_conn *c, vn_nsec now);
static bool unhalt(struct mirror_conn *c, vn_nsec now);

void mirror_rest(struct mirror_conn *c, vn_nsec now)
{
	struct mirror_stand s = { 0 };

	if (c->over)
		return;
	if (!rests(c)) {
		c->resting = false;
		c->rest_due = 0;
		return;
	}
	if (c->resting)
		return;
	c->resting = true;
	c->rest_due = 0;
	for (unsigned i = 0; i < c->rules->n; i++) {
		struct mirror_rule *r = &c->rules->rule[i];
		if (r->toy == IDLE && !r->per_connection)
			s.in[slot_of(&s, r->origin)] = drawn(r, c->number, c->asked, VN_ON_REST);
	}
	struct say y = say(c, c->rules, &s, VN_ON_REST, COMMAND, NULL);
	c->rest_rule = y.end_rule;
	if (y.any && y.after)
		c->rest_due = now + y.after;
	if (!y.any || y.after)
		return;
	rest_strike(c, now);
	run(c, now);
}

static void run(struct mirror_conn *c, vn_nsec now)
{
	bool moved = true;

	while (moved && !c->over) {
		moved = release(c, &c->up, now);
		settle(c, now);
		moved |= unhalt(c, now);
		moved |= release(c, &c->down, now);
	}
	if (c->down.shut && c->up.ended && !c->up.first)
		over(c, VN_CLOSE);
	if (c->over)
		return;
	bool stuck = (c->up.first && late(c, &c->up.first->holds) == VN_NEVER) ||
	             (c->down.first && late(c, &c->down.first->holds) == VN_NEVER);
	bool moves = (c->up.first && late(c, &c->up.first->holds) != VN_NEVER) ||
	             (c->down.first && late(c, &c->down.first->holds) != VN_NEVER);
	if (!c->left || !stuck || moves)
		c->gone_since = 0;
	else if (!c->gone_since)
		c->gone_since = now;
}

/* ---- events ---- */

/* The backend gets the failure's substitutes in place of the request x. */
static void substitute(struct mirror_conn *c, struct mirror_exchange *x, const char *failure,
                       vn_nsec now)
{
	struct mirror_stream *u = &c->up;
	struct mirror_lot holds = u->holds;

	x->swallow = !strcmp(failure, "no") ? 1 : !strcmp(failure, "twice") ? 2 : 0;
	u->gone = true;
	if (x->swallow) {
		struct say data = say(c, c->rules, &x->flags, VN_ON_DATA, COMMAND, NULL);
		lot_add(&holds, &data.holds);
	}
	for (int i = 0; i < x->swallow; i++)
		put(u, M_BYTES, "?nop\n", 5, now, &holds);
}

/* Is the failure an edited answer? Then the request goes on. */
static bool edits(struct mirror_exchange *x, const struct say *y)
{
	if (!y->reply || strcmp(y->failure, "edited"))
		return false;
	x->edit = true;
	x->edit_rule = y->failure_rule;
	return true;
}

/* The answer cannot be edited: the strike does not count. */
static void unedited(struct mirror_conn *c, struct mirror_exchange *x)
{
	struct mirror_rule *r = rule_of(c->rules, x->edit_rule);

	x->edit = false;
	if (!r || r->per_connection)
		return;
	unsigned i = slot_of(&x->flags, r->origin);
	if (x->flags.struck[i])
		r->count--;
	x->flags.struck[i] = false;
}

/* The sequel of x is decided before x is answered. */
static void ask_sequel(struct mirror_conn *c, struct mirror_exchange *x, vn_nsec now)
{
	struct mirror_exchange *next = exchange_new(c, ++c->asked);
	struct say y = say(c, c->rules, &next->flags, VN_ON_REQUEST, COMMAND, NULL);

	next->sequel = true;
	c->sequel_lot = y.holds;
	bool edited = edits(next, &y);
	c->sequel_gone = (y.reply && !edited) || (!y.reply && y.drop);
	ends(c, &y, &next->end, now);
	next->dropped = !y.reply && y.drop;
	if (!y.reply || edited)
		return;
	fails(next, y.failure);
	next->late = y.holds;
	fails(x, "agreed");
	substitute(c, x, y.failure, now);
}

static void ask(struct mirror_conn *c, bool offer, bool told, vn_nsec now)
{
	struct mirror_stream *u = &c->up;
	struct mirror_exchange *x = exchange_new(c, ++c->asked);
	struct say y = say(c, c->rules, &x->flags, VN_ON_REQUEST, COMMAND, NULL);

	u->own = x;
	u->holds = y.holds;
	x->offer = offer;
	x->told = told;
	ends(c, &y, &x->end, now);
	if (y.reply && !edits(x, &y)) {
		fails(x, y.failure);
		substitute(c, x, y.failure, now);
	} else if (!y.reply && y.drop) {
		u->gone = x->dropped = true;
	}
	if (offer)
		c->mode = M_UNDECIDED;
	if (offer && !minds(x))
		ask_sequel(c, x, now);
}

static void pass(struct mirror_conn *c, struct mirror_stream *s, struct mirror_stand *flags,
                 const uint8_t *bytes, size_t n, vn_nsec now)
{
	struct mirror_lot holds = s->holds;

	if (s->gone)
		return;
	struct say y = say(c, c->rules, flags, VN_ON_DATA, COMMAND, NULL);
	lot_add(&holds, &y.holds);
	if (s->keep < n)
		n = s->keep;
	if (s->keep != SIZE_MAX)
		s->keep -= n;
	if (n)
		put(s, M_BYTES, bytes, n, now, &holds);
}

static void message_begin(struct mirror_stream *s, const uint8_t *atom, size_t n)
{
	s->open = true;
	s->gone = s->push = false;
	s->keep = SIZE_MAX;
	s->holds.n = 0;
	s->end = VN_STAY;
	s->own = NULL;
	s->body = n + (*atom == '#' ? strtoul((const char *)atom + 1, NULL, 10) : 0);
}

static void ask_begin(struct mirror_conn *c, const uint8_t *atom, size_t n, vn_nsec now)
{
	struct mirror_stream *u = &c->up;

	/* Also if the backend has left before it could accept the sequel. */
	bool sequel = c->last && c->last->sequel;

	message_begin(u, atom, n);
	c->mode = M_PLAIN;
	if (sequel) {
		u->holds = c->sequel_lot;
		u->gone = c->sequel_gone;
		u->own = c->last;
		c->last->sequel = false;
	} else if (*atom != '!') {
		ask(c, *atom == '>', *atom == '.', now);
	}
}

static bool is_halted(const struct mirror_conn *c)
{
	return c->mode == M_UNDECIDED && c->first && !c->down.fin && !c->up.open;
}

/* Keeps atoms that cannot be cut yet. */
static void halt(struct mirror_conn *c, const uint8_t *atom, size_t n)
{
	struct mirror_atom *a = calloc(1, sizeof *a);

	assert(a);
	a->bytes = malloc(n + 1);
	if (n)
		memcpy(a->bytes, atom, n);
	a->n = n;
	if (!c->halted)
		c->halted_last = &c->halted;
	*c->halted_last = a;
	c->halted_last = &a->next;
}

static void heard(struct mirror_conn *c, const uint8_t *atom, size_t n, vn_nsec now);
static void fin(struct mirror_conn *c, struct mirror_stream *s, vn_nsec now);

static bool unhalt(struct mirror_conn *c, vn_nsec now)
{
	bool any = false;

	for (struct mirror_atom *a; (a = c->halted) && !is_halted(c) && !c->over; any = true) {
		c->halted = a->next;
		if (a->n)
			heard(c, a->bytes, a->n, now);
		else
			fin(c, &c->up, now);
		free(a->bytes);
		free(a);
	}
	return any;
}

void mirror_client(struct mirror_conn *c, const uint8_t *atom, size_t n, vn_nsec now)
{
	if (c->over || c->up.ended)
		return;
	if (is_halted(c) || c->halted)
		halt(c, atom, n);
	else
		heard(c, atom, n, now);
	run(c, now);
}

static void heard(struct mirror_conn *c, const uint8_t *atom, size_t n, vn_nsec now)
{
	struct mirror_stream *u = &c->up;

	if (u->ended)
		return;
	c->resting = false;
	c->rest_due = 0;
	if (!u->open)
		ask_begin(c, atom, n, now);
	pass(c, u, u->own ? &u->own->flags : NULL, atom, n, now);
	u->body -= n;
	if (!u->body) {
		u->open = false;
		struct mirror_exchange *x = u->own;
		if (x && minds(x)) {
			put(u, M_MARK, "", 0, now, NULL)->exchange = x->number;
			if (x->end)
				u->ended = true;
		}
		u->own = NULL;
	}
}

static bool unasked(struct mirror_conn *c, struct mirror_exchange *x, vn_nsec now)
{
	struct say y =
		say(c, c->rules, &x->flags, VN_ON_REQUEST, x->opening ? OPENING : PUSHED, NULL);

	x->late = y.holds;
	ends(c, &y, &x->end, now);
	if (y.reply)
		fails(x, y.failure);
	x->dropped = !y.reply && y.drop;
	x->sent = minds(x);
	if (x->end && !x->failure)
		over(c, x->end);
	return !c->over;
}

static void answer_begin(struct mirror_conn *c, struct mirror_exchange *x, vn_nsec now)
{
	struct mirror_stream *d = &c->down;

	if (c->epoch > x->epoch)
		decide(c, x, true);
	if (minds(x)) {
		d->gone = true;
		return;
	}
	struct say y = say(c, c->rules, &x->flags, VN_ON_RESPONSE, COMMAND, NULL);
	d->holds = x->late;
	lot_add(&d->holds, &y.holds);
	d->keep = y.keep;
	d->gone = y.drop;
	ends(c, &y, &d->end, now);
}

static void push_begin(struct mirror_conn *c, vn_nsec now)
{
	struct mirror_exchange *first = c->first, *last = c->last, *x;

	c->down.push = true;
	c->first = c->last = NULL;
	x = exchange_new(c, 1ull << 63 | ++c->pushed);
	if (unasked(c, x, now)) {
		if (x->dropped)
			c->down.gone = true;
		else
			answer_begin(c, x, now);
		c->down.own = x;
	} else {
		free(x);
	}
	c->first = first;
	c->last = last;
}

/* The offer was declined: what was decided for its sequel counts for nothing. */
static void forget_sequel(struct mirror_conn *c)
{
	struct mirror_stand *s = &c->first->flags;

	for (unsigned i = 0; i < c->rules->n; i++) {
		struct mirror_rule *r = &c->rules->rule[i];
		unsigned k = slot_of(s, r->origin);
		if (!r->per_connection && s->in[k] && s->counted[k])
			r->count--;
	}
	exchange_pop(c);
}

void mirror_backend(struct mirror_conn *c, const uint8_t *atom, size_t n, vn_nsec now)
{
	struct mirror_stream *d = &c->down;

	if (c->over || d->ended)
		return;
	c->resting = false;
	c->rest_due = 0;
	bool part = d->open && d->body == 0;    /* a '+' line came before */
	bool line = (!d->open || part) && *atom != '*' && c->first && c->first->edit;
	if (line && *atom == '#')
		unedited(c, c->first);
	bool edit = line && strchr("=~", *atom);
	if (!d->open) {
		message_begin(d, atom, n);
		if (*atom == '*' || !c->first)
			push_begin(c, now);
		else
			answer_begin(c, c->first, now);
		if (c->over)
			return;
	} else if (part) {
		d->body = n + (*atom == '#' ? strtoul((const char *)atom + 1, NULL, 10) : 0);
	}
	struct mirror_exchange *x = d->push ? d->own : c->first;
	if (edit)
		pass(c, d, &x->flags,
		     (const uint8_t *)(*atom == '=' ? "=Eedited\n" : "~Eedited\n"), 9, now);
	else
		pass(c, d, x ? &x->flags : NULL, atom, n, now);
	d->body -= n;
	if (!d->body && *atom != '+') {
		d->open = false;
		if (d->push) {
			free(d->own);
			d->own = NULL;
		} else if (minds(x)) {
			if (x->swallow)
				x->swallow--;
		} else {
			bool offer = x->offer;
			exchange_pop(c);
			if (offer)
				c->mode = *atom == '~' ? M_PLAIN : M_SEQUEL;
			if (offer && *atom == '~')
				forget_sequel(c);
		}
		if (d->end)
			finish(c, d->end, now);
	}
	run(c, now);
}

void mirror_fin(struct mirror_conn *c, bool client, vn_nsec now)
{
	struct mirror_stream *s = client ? &c->up : &c->down;

	if (c->over || s->fin)
		return;
	c->left |= client;
	/* Halted atoms are read before the end. */
	if (client && c->halted)
		halt(c, NULL, 0);
	else if (!s->ended)
		fin(c, s, now);
	run(c, now);
}

static void fin(struct mirror_conn *c, struct mirror_stream *s, vn_nsec now)
{
	struct say y = say(c, c->rules, NULL, VN_ON_END, COMMAND, NULL);

	if (s->ended)
		return;
	s->fin = true;
	put(s, M_FIN, "", 0, now, &y.holds);
}

static void meet(struct mirror_conn *c, const struct mirror_rules *known, vn_nsec now)
{
	enum vn_end end = VN_STAY;

	for (unsigned i = 0; i < c->rules->n; i++) {
		struct mirror_rule *r = &c->rules->rule[i];
		if (r->per_connection && !(known && rule_of(known, r->id)))
			c->whole.in[slot_of(&c->whole, r->origin)] =
				drawn(r, c->number, UINT64_MAX, VN_ON_OPEN);
	}
	struct say y = say(c, c->rules, NULL, VN_ON_OPEN, COMMAND, known);
	ends(c, &y, &end, now);
	if (end)
		over(c, end);
}

/* Refused at accept, or nothing of it. */
static void accepted(struct mirror_conn *c, bool secure, vn_nsec now)
{
	struct mirror_exchange *x = exchange_new(c, 0);
	struct say y = say(c, c->rules, &x->flags, VN_ON_REQUEST, ACCEPTED, NULL);

	if (!y.reply) {
		exchange_pop(c);
		return;
	}
	c->linked = c->dialled = false;
	if (secure) {
		over(c, VN_CLOSE);
		return;
	}
	x->late = y.holds;
	ends(c, &y, &x->end, now);
	fails(x, y.failure);
	x->sent = true;
}

void mirror_open(struct mirror_conn *c, uint64_t number, struct mirror_rules *rules, bool greeter,
                 bool secure, vn_nsec now)
{
	*c = (struct mirror_conn){ .number = number,
		                   .rules = rules,
		                   .linked = true,
		                   .epochs = calloc(RULES, sizeof *c->epochs) };
	meet(c, NULL, now);
	c->dialled = !c->over;
	if (!c->over && !greeter)
		accepted(c, secure, now);
	if (c->over || !greeter) {
		run(c, now);
		return;
	}
	struct mirror_exchange *x = exchange_new(c, 0);
	c->pushed++;
	x->opening = true;
	c->dialled = unasked(c, x, now) && !x->failure;
	if (c->over)
		return;
	c->linked = !x->failure;
	run(c, now);
}

static bool same_rules(const struct mirror_rules *a, const struct mirror_rules *b)
{
	bool same = a->n == b->n;

	for (unsigned i = 0; same && i < a->n; i++)
		same = a->rule[i].id == b->rule[i].id;
	return same;
}

void mirror_change(struct mirror_conn *c, const struct mirror_rules *from, struct mirror_rules *to,
                   vn_nsec now)
{
	uint64_t epochs[RULES];
	enum vn_end end = VN_STAY;

	if (c->over)
		return;
	if (same_rules(from, to)) {     /* one of them was renewed: nothing changes */
		c->rules = to;
		run(c, now);
		return;
	}
	struct say y = say(c, (struct mirror_rules *)from, NULL, VN_ON_LEAVE, COMMAND, to);
	ends(c, &y, &end, now);
	if (end) {
		over(c, end);
		return;
	}
	clocks_change(c, to);
	c->epoch++;
	for (unsigned i = 0; i < to->n; i++) {
		epochs[i] = c->epoch;
		for (unsigned k = 0; k < from->n; k++)
			if (from->rule[k].origin == to->rule[i].origin)
				epochs[i] = c->epochs[k];
	}
	memcpy(c->epochs, epochs, sizeof epochs);
	c->rules = to;
	meet(c, from, now);
	if (c->over)
		return;
	c->resting = false;
	c->rest_due = 0;
	run(c, now);
}

void mirror_time(struct mirror_conn *c, vn_nsec now)
{
	if (c->over)
		return;
	run(c, now);
	if (!c->over && clocks_strike(c, now))
		over(c, clocks_strike(c, now));
	if (!c->over && c->rest_due && c->rest_due <= now && c->resting) {
		rest_strike(c, now);
		run(c, now);
	}
	if (!c->over && c->gone_since && now >= c->gone_since + LINGER)
		over(c, VN_RESET);
}

static void stream_free(struct mirror_stream *s)
{
	for (struct mirror_piece *p = s->first, *next; p; p = next) {
		next = p->next;
		free(p->bytes);
		free(p);
	}
	free(s->sent);
}

void mirror_free(struct mirror_conn *c)
{
	if (c->down.push)
		free(c->down.own);
	while (c->first)
		exchange_pop(c);
	stream_free(&c->up);
	stream_free(&c->down);
	for (struct mirror_atom *a; (a = c->halted); free(a)) {
		c->halted = a->next;
		free(a->bytes);
	}
	free(c->epochs);
}
