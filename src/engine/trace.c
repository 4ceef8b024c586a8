/* trace.c - what readers of events want to know of one exchange. */
#include "engine/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/mask.h"
#include "base/memory.h"
#include "rules/plan.h"

struct trace *trace_make(uint64_t connection, uint64_t exchange, const struct vn_message *m,
                         vn_nsec now)
{
	struct trace *t = xcalloc(1, sizeof *t);

	t->connection = connection;
	t->number = exchange;
	memcpy(t->verb, m->verb, sizeof t->verb);
	t->is = m->is;
	t->asked = now;
	return t;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	free(t->rule);
	free(t->rules);
	free(t);
}

/* ---- shape and digest ---- */

void trace_speak(struct trace *t, const struct vn_message *m, bool names, uint64_t before,
                 size_t skip)
{
	struct mask mask = { .names = names };
	uint64_t shape = hash_add(HASH_START, m->verb, strlen(m->verb) + 1);

	t->spoken = true;
	t->skip = skip;
	t->digest = hash_add(shape, m->subject.p, m->subject.n);
	t->digest = hash_add(t->digest, &before, sizeof before);
	for (size_t i = m->lead; i < m->subject.n; i++) {
		char c = mask_next(&mask, m->subject.p[i],
		                   i + 1 < m->subject.n ? m->subject.p[i + 1] : 0);
		if (c)
			shape = hash_byte(shape, (uint8_t)c);
	}
	t->shape = hash_end(shape);
}

void trace_hear(struct trace *t, const uint8_t *bytes, size_t n)
{
	size_t skip = t->skip < n ? t->skip : n;

	t->skip -= skip;
	t->digest = hash_add(t->digest, bytes + skip, n - skip);
}

/* ---- rules ---- */

static bool has_name(const struct trace *t, const char *name)
{
	for (const char *p = t->rules; p < t->rules + t->rules_n; p += strlen(p) + 1)
		if (!strcmp(p, name))
			return true;
	return false;
}

void trace_rules(struct trace *t, const struct plan *p, ruleset struck)
{
	for (unsigned i = 0; i < p->n; i++) {
		const char *name = p->rules[i].spec->name;
		size_t size = strlen(name) + 1;
		if (!(struck >> i & 1) || has_name(t, name))
			continue;
		t->rules = xrealloc(t->rules, t->rules_n + size);
		memcpy(t->rules + t->rules_n, name, size);
		t->rules_n += size;
	}
}

/* ---- its event ---- */

static void put_kinds(struct journal_entry *n, unsigned is)
{
	static const struct { const char *name; unsigned is; } kinds[] = {
		{ "reads", VN_IS_READ }, { "writes", VN_IS_WRITE }, { "begins", VN_IS_BEGIN },
		{ "commits", VN_IS_COMMIT }, { "rollbacks", VN_IS_ROLLBACK },
		{ "logins", VN_IS_LOGIN }, { "commands", VN_IS_COMMAND },
		{ "unknown", VN_IS_UNKNOWN },
	};
	char names[100];
	size_t size = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (is & kinds[i].is) {
			size_t k = strlen(kinds[i].name) + 1;
			memcpy(names + size, kinds[i].name, k);
			size += k;
		}
	journal_list(n, "kinds", names, size);
}

static void put_time(struct journal_entry *n, const char *key, vn_nsec at, vn_nsec offset)
{
	if (at)
		journal_seconds(n, key, at + offset);
	else
		journal_null(n, key);
}

static void put_text(struct journal_entry *n, const char *key, const char *text)
{
	if (text && *text)
		journal_text(n, key, text);
	else
		journal_null(n, key);
}

static void put_statement(struct journal_entry *n, const struct trace *t)
{
	if (t->spoken) {
		journal_hash(n, "shape", t->shape);
		journal_hash(n, "digest", hash_end(t->digest));
	} else {
		journal_null(n, "shape");
		journal_null(n, "digest");
	}
}

void trace_write(const struct trace *t, const char *proxy, vn_nsec now)
{
	static const char *const by[] = { NULL, "backend", "rule" };
	struct journal_entry n;
	vn_nsec offset;

	if (!journal_wants(JOURNAL_EXCHANGE))
		return;
	offset = clock_real() - clock_monotonic();
	journal_begin(&n, JOURNAL_EXCHANGE, now, proxy);
	journal_count(&n, "connection", t->connection);
	journal_count(&n, "exchange", t->number);
	journal_text(&n, "verb", t->verb);
	put_kinds(&n, t->is);
	put_statement(&n, t);
	put_time(&n, "asked", t->asked, offset);
	put_time(&n, "answered", t->answered, offset);
	put_text(&n, "by", by[t->by]);
	put_text(&n, "rule", t->rule);
	put_text(&n, "error", t->code);
	journal_is(&n, "lost", t->lost);
	if (t->knows)
		journal_is(&n, "in_transaction", t->in_transaction);
	else
		journal_null(&n, "in_transaction");
	journal_list(&n, "rules", t->rules, t->rules_n);
	journal_write(&n);
}
