/* sql.c - what a statement does, as far as its words tell; for every protocol that speaks SQL. */
#include "vaurien.h"

#include <string.h>
#include <strings.h>

enum { NAMES_MAX = 8, KEPT_MAX = 8 };

/* ---- words ---- */

/* A PART is a word behind a '.', a NAME is quoted, a MARK is one byte; numbers are WORDs. */
enum kind { END, WORD, PART, NAME, STRING, MARK };

struct token { enum kind kind; struct vn_span text; };     /* without its quotes */

struct scan {
	const struct vn_sql *sql;
	struct vn_span rest;
	struct token now;               /* the next one */
	struct token name;              /* the latest @ */
};

static bool in_name(uint8_t c)
{
	bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';

	return letter || c >= 0x80 || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

static void rest_skip(struct scan *s, size_t n)
{
	n = n < s->rest.n ? n : s->rest.n;
	s->rest = (struct vn_span){ s->rest.p + n, s->rest.n - n };
}

/* What is between quotes of `open` bytes each: doubled or escaped ones do not end it. Two are a
 * quote inside of a string. */
static struct token quoted_take(struct scan *s, enum kind kind, size_t open, bool escapes)
{
	const uint8_t *p = s->rest.p + open, *end = s->rest.p + s->rest.n, *from = p;
	uint8_t quote = p[-1];

	for (; p < end; p++) {
		bool escaped = open == 2 && p + 1 < end && *p == '\\' && p[1] == quote;
		if (escaped || (open == 1 && *p == quote && !(p + 1 < end && p[1] == quote)))
			break;
		p += open == 1 && p + 1 < end && (*p == quote || (escapes && *p == '\\'));
	}
	struct token t = { kind, { from, (size_t)((p < end ? p : end) - from) } };
	rest_skip(s, t.text.n + 2 * open);
	return t;
}

/* $tag$ text $tag$; kind END: it is none. */
static struct token dollar_take(struct scan *s)
{
	const uint8_t *p = s->rest.p;
	size_t n = 1;

	while (n < s->rest.n && in_name(p[n]) && p[n] != '$')
		n++;
	if (n == s->rest.n || p[n] != '$' || (n > 1 && p[1] >= '0' && p[1] <= '9'))
		return (struct token){ END };
	n++;
	const uint8_t *end = memmem(p + n, s->rest.n - n, p, n);
	struct token t = { STRING, { p + n, end ? (size_t)(end - p) - n : s->rest.n - n } };
	rest_skip(s, t.text.n + 2 * n);
	return t;
}

static struct token word_take(struct scan *s)
{
	size_t n = 0;

	while (n < s->rest.n && in_name(s->rest.p[n]))
		n++;
	struct token t = { WORD, { s->rest.p, n } };
	rest_skip(s, n);
	bool escapes = !s->sql->backslash && n == 1 && (*t.text.p | 32) == 'e';
	return escapes && s->rest.n && *s->rest.p == '\'' ? quoted_take(s, STRING, 1, true) : t;
}

static void blanks_skip(struct scan *s)
{
	while (s->rest.n) {
		size_t n = *s->rest.p <= ' ' ? 1 : s->sql->comment(s->rest);
		if (!n)
			break;
		rest_skip(s, n);
	}
}

static bool begins(struct vn_span text, const char *with)
{
	size_t n = strlen(with);

	return text.n >= n && !strncasecmp((const char *)text.p, with, n);
}

bool vn_sql_selects(struct vn_span text, size_t (*comment)(struct vn_span),
                    const char *const *what)
{
	static const char select[] = "SELECT";
	size_t lead = vn_sql_lead(text, comment);

	text = (struct vn_span){ text.p + lead, text.n - lead };
	if (!begins(text, select))
		return false;
	text = (struct vn_span){ text.p + sizeof select - 1, text.n - sizeof select + 1 };
	lead = vn_sql_lead(text, comment);
	text = (struct vn_span){ text.p + lead, text.n - lead };
	while (*what && !begins(text, *what))
		what++;
	if (!*what)
		return false;
	const uint8_t *end = memchr(text.p, ';', text.n);
	while (end && ++end < text.p + text.n)
		if (*end > ' ')
			return false;
	return true;
}

uint16_t vn_sql_lead(struct vn_span text, size_t (*comment)(struct vn_span))
{
	size_t at = 0, skip = 1;

	while (at < text.n && skip) {
		struct vn_span rest = { text.p + at, text.n - at };
		skip = text.p[at] <= ' ' ? 1 : comment(rest);
		at += skip;
	}
	return at < UINT16_MAX ? (uint16_t)at : UINT16_MAX;
}

static bool is_mark(const struct scan *s, char mark)
{
	return s->now.kind == MARK && *s->now.text.p == (uint8_t)mark;
}

static void next(struct scan *s)
{
	bool part = is_mark(s, '.');

	blanks_skip(s);
	s->now = (struct token){ END };
	if (!s->rest.n)
		return;
	uint8_t c = *s->rest.p, after = s->rest.n > 1 ? s->rest.p[1] : 0;
	bool quote = c == '\'' || c == '"' || c == '`';
	bool inside = c == '\\' && (after == '\'' || after == '"');
	if (quote)
		s->now = quoted_take(s, strchr(s->sql->names, c) ? NAME : STRING, 1,
		                     s->sql->backslash && c != '`');
	else if (inside)
		s->now = quoted_take(s, STRING, 2, false);
	else if (s->sql->dollar && c == '$')
		s->now = dollar_take(s);
	else if (in_name(c))
		s->now = word_take(s);
	if (s->now.kind == WORD && part)
		s->now.kind = PART;
	if (s->now.kind != END)
		return;
	s->now = (struct token){ MARK, { s->rest.p, 1 } };
	rest_skip(s, 1);
}

static struct scan scan_begin(const struct vn_sql *sql, struct vn_span text)
{
	struct scan s = { .sql = sql, .rest = text };

	next(&s);
	return s;
}

/* ---- patterns ---- */

static bool is_name(const struct scan *s)
{
	return s->now.kind == WORD || s->now.kind == PART || s->now.kind == NAME;
}

static bool token_is(const struct scan *s, const char *word, size_t n)
{
	bool small = *word >= 'a' && *word <= 'z', any = small && is_name(s);

	return (s->now.kind == WORD || s->now.kind == MARK || any) && s->now.text.n == n &&
	       !strncasecmp((const char *)s->now.text.p, word, n);
}

static bool word_is(const struct scan *s, const char *word)
{
	return token_is(s, word, strlen(word));
}

/* Any of "A|B", up to a blank. */
static bool either_is(const struct scan *s, const char *words)
{
	for (;;) {
		size_t n = strcspn(words, "| ");
		if (token_is(s, words, n))
			return true;
		if (words[n] != '|')
			return false;
		words += n + 1;
	}
}

static bool statement_over(const struct scan *s)
{
	return s->now.kind == END || is_mark(s, ';');
}

/* Go behind this token, or behind the bracket that it opens. */
static void one_skip(struct scan *s)
{
	unsigned depth = 0;

	do {
		depth += is_mark(s, '(');
		depth -= depth && is_mark(s, ')');
		next(s);
	} while (depth && s->now.kind != END);
}

static bool name_take(struct scan *s)
{
	for (;;) {
		if (!is_name(s))
			return false;
		s->name = s->now;
		next(s);
		if (!is_mark(s, '.'))
			return true;
		next(s);
	}
}

/* The scan is behind them then, if they fit. */
static bool words_fit(struct scan *s, const char *words)
{
	while (*words) {
		const char *word = words + (*words == '?' || *words == '*');
		const char *then = words + strcspn(words, " ");
		if (*words == '@') {
			if (!name_take(s))
				return false;
		} else if (*words == '.') {
			while (!statement_over(s) && !either_is(s, then + 1))
				one_skip(s);
		} else if (!either_is(s, word)) {
			if (word == words)
				return false;
		} else {
			next(s);
			if (*words == '*')
				continue;
		}
		words = then + (*then == ' ');
	}
	return true;
}

/* By the first letter alone, in small: most rows are out at once. */
static bool may_begin(const char *words, uint8_t first)
{
	for (; (*words | 32) != first; words++) {
		while (*words && *words != ' ' && *words != '|')
			words++;
		if (*words != '|')
			return false;
	}
	return true;
}

/* The first row that begins here; NULL: none does. */
static const struct vn_sql_keyword *row_find(struct scan *s, unsigned with, unsigned without)
{
	uint8_t first = s->now.text.n ? s->now.text.p[0] | 32 : 0;

	for (const struct vn_sql_keyword *k = s->sql->keywords; k->words; k++) {
		if (with & (VN_SQL_INSIDE | VN_SQL_QUERY) && !(k->how & (with | VN_SQL_INSIDE)))
			break;          /* see the order of rows */
		if ((k->how & with) != with || k->how & without)
			continue;
		if (!may_begin(k->words, first) || !either_is(s, k->words))
			continue;
		struct scan at = *s;
		if (words_fit(&at, k->words)) {
			*s = at;
			return k;
		}
	}
	return NULL;
}

static const uint8_t yes[] = "t";        /* kept of a temporary table */

/* ---- what is kept: prepared statements and temporary tables ---- */

uint64_t vn_sql_key(uint8_t of, struct vn_span name)
{
	uint64_t hash = (0xcbf29ce484222325u ^ of) * 0x100000001b3u;

	for (size_t i = 0; i < name.n; i++)
		hash = (hash ^ name.p[i]) * 0x100000001b3u;
	return hash | 1ull << 63;
}

/* As the server knows it: in small letters, where it is not quoted. */
static uint64_t name_key(uint8_t of, const struct token *name)
{
	uint8_t small[64];
	size_t n = name->text.n < sizeof small ? name->text.n : sizeof small;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = name->text.p[i];
		small[i] = name->kind != NAME && c >= 'A' && c <= 'Z' ? c | 32 : c;
	}
	return vn_sql_key(of, (struct vn_span){ small, n });
}

struct kept { uint64_t key; struct vn_span text; bool statement; };     /* no text: it goes */

struct judge {
	struct vn_session *session;
	struct vn_span text;
	struct vn_sql_deed deed;
	unsigned texts, statements;     /* inside one another ... */
	unsigned n;                     /* ... and statements one after the other */
	bool later;                     /* functions are called later */
	struct kept kept[KEPT_MAX];     /* is done at the end, for it may move what is looked at */
	unsigned n_kept;
};

static void keep(struct judge *j, uint8_t of, const struct token *name, struct vn_span text)
{
	bool elsewhere = j->texts && of == 'S';         /* it would point into a text that may go */

	if (j->n_kept < KEPT_MAX && !elsewhere)
		j->kept[j->n_kept++] = (struct kept){ name_key(of, name), text, of == 'S' };
}

static struct vn_span kept_find(const struct judge *j, uint64_t key)
{
	for (unsigned i = j->n_kept; i--; )
		if (j->kept[i].key == key)
			return j->kept[i].text;
	return vn_text_cache_get(j->session->texts, key);
}

static void kept_store(struct judge *j, struct vn_span *text)
{
	struct vn_text_cache *texts = j->session->texts;
	const uint8_t *from = text->p, *to = from + text->n;

	if (!j->n_kept)
		return;
	size_t at = vn_buffer_span(j->session->scratch).n;
	vn_buffer_put(j->session->scratch, text->p, text->n);
	text->p = vn_buffer_span(j->session->scratch).p + at;
	for (unsigned i = 0; i < j->n_kept; i++) {
		struct kept *k = &j->kept[i];
		if (k->text.p >= from && k->text.p < to)
			k->text.p = text->p + (k->text.p - from);
		if (k->text.n)
			vn_text_cache_put(texts, k->key, k->text);
		else
			vn_text_cache_drop(texts, k->key);
	}
}

/* ---- statements ---- */

static void text_judge(struct judge *j, const struct vn_sql *sql, struct vn_span text);
static void statement_judge(struct judge *j, struct scan *s);

static void deed_add(struct judge *j, const struct scan *s, unsigned is,
                     const struct vn_sql_keyword *row)
{
	unsigned at = row ? (unsigned)(row - s->sql->keywords) + 1 : 0;
	bool first = is & s->sql->own && !(j->deed.is & s->sql->own);
	unsigned session = VN_IS_SETUP | VN_IS_PRELUDE;

	if (j->deed.is || j->deed.row) {        /* set-up only if all statements are */
		is &= ~session | j->deed.is;
		j->deed.is &= ~session | is;
	}
	j->deed.is |= is;
	if (first || !j->deed.row)
		j->deed.row = at;
}

struct query {                          /* what was seen of one so far */
	const struct vn_sql_keyword *inside;    /* the first of the rows that were found */
	const struct vn_sql_keyword *main;      /* of a WITH */
	unsigned depth;
	unsigned is;                    /* of all that is inside */
	bool lists; unsigned lists_at;  /* between FROM and the end of its tables | its depth */
	bool lasting;                   /* a table was named that is not temporary */
	bool joins;
	uint64_t names[NAMES_MAX]; unsigned n_names;    /* of a WITH */
};

#define ENDS_TABLES "WHERE|GROUP|ORDER|HAVING|LIMIT|FOR|UNION|SELECT|SET|WINDOW|LOCK"

static bool is_temporary(const struct judge *j, const struct token *name)
{
	return kept_find(j, name_key('T', name)).n;
}

static void table_note(const struct judge *j, struct query *q, struct scan s)
{
	while (is_mark(&s, '(') || either_is(&s, "ONLY|LATERAL|TABLE"))
		next(&s);
	bool query = either_is(&s, "SELECT|VALUES|WITH");
	if (query || !name_take(&s) || is_mark(&s, '('))
		return;
	uint64_t key = name_key('W', &s.name);
	bool named = key == vn_sql_key('W', (struct vn_span){ (const uint8_t *)"dual", 4 }) ||
	             is_temporary(j, &s.name);
	for (unsigned i = 0; i < q->n_names; i++)
		named |= q->names[i] == key;
	q->lasting |= !named;
}

static void tables_look(const struct judge *j, struct query *q, const struct scan *s)
{
	bool word = s->now.kind == WORD, from = word && word_is(s, "FROM");
	bool joins = word && either_is(s, "JOIN|STRAIGHT_JOIN");

	q->joins |= joins && !q->depth;
	if (from || joins || (q->lists && q->depth == q->lists_at && is_mark(s, ','))) {
		struct scan behind = *s;
		next(&behind);
		table_note(j, q, behind);
	}
	if (from) {
		q->lists = true;
		q->lists_at = q->depth;
	} else if (q->lists && q->depth <= q->lists_at) {
		q->lists = !is_mark(s, ')') && !either_is(s, ENDS_TABLES);
	}
}

static void inside_found(const struct judge *j, struct query *q, const struct vn_sql_keyword *k)
{
	if (!k || (k->how & VN_SQL_OF_TABLE && !q->lasting))
		return;
	q->is |= k->is;
	if (!q->inside || k < q->inside)
		q->inside = k;
}

/* At a token of a query: does something begin here that counts? */
static void query_look(struct judge *j, struct query *q, const struct scan *s, bool with,
                       bool opens)
{
	bool named = is_name(s), names = with && !q->main && !q->depth && named;

	tables_look(j, q, s);
	if (!named || (s->now.text.n && s->now.text.p[0] <= '9'))
		return;
	struct scan at = *s;
	if (names)
		q->main = row_find(&at, VN_SQL_QUERY, VN_SQL_INSIDE | VN_SQL_WITH | VN_SQL_PREFIX);
	if (names && !q->main && q->n_names < NAMES_MAX)
		q->names[q->n_names++] = name_key('W', &s->now);
	if (names && q->main)
		q->lasting = false;     /* those of its brackets are not its own */
	at = *s;
	if (with && opens)
		inside_found(j, q, row_find(&at, VN_SQL_INSIDE | VN_SQL_BRACKETED, 0));
	at = *s;
	unsigned without = (j->later ? VN_SQL_LATER : 0) | (q->depth ? VN_SQL_TOP : 0);
	inside_found(j, q, row_find(&at, VN_SQL_INSIDE, VN_SQL_BRACKETED | without));
}

/* All that is left of a statement. */
static void query_read(struct judge *j, struct query *q, struct scan *s, bool with)
{
	bool opens = false;

	for (; !statement_over(s); next(s)) {
		query_look(j, q, s, with, opens);
		opens = is_mark(s, '(');
		q->depth += opens;
		q->depth -= q->depth && is_mark(s, ')');
	}
}

/* Arguments and conditions may call what counts: EXECUTE x (nextval('s')), IF nextval(s) THEN. */
static void values_judge(struct judge *j, struct scan *s)
{
	struct query q = { 0 };

	query_read(j, &q, s, false);
	if (q.inside)
		deed_add(j, s, q.is, q.inside);
}

/* What stands between the first words of a statement, up to here. */
static void between_judge(struct judge *j, struct scan from, const struct scan *to)
{
	const uint8_t *end = to->now.kind == END ? to->rest.p : to->now.text.p;

	from.rest.n = end > from.rest.p ? (size_t)(end - from.rest.p) : 0;
	values_judge(j, &from);
}

/* The rest of a statement, whose first words are this row's. */
static void query_judge(struct judge *j, struct scan *s, const struct vn_sql_keyword *row)
{
	struct query q = { 0 };
	struct token target = s->name;
	bool with = row->how & VN_SQL_WITH, several = is_mark(s, ',');

	if (row->how & VN_SQL_OF_TABLE)
		table_note(j, &q, *s);
	if (row->how & VN_SQL_TEMPORARY)
		keep(j, 'T', &target, (struct vn_span){ yes, 1 });
	query_read(j, &q, s, with);
	const struct vn_sql_keyword *main = q.main ? q.main : row;
	unsigned is = main->is;
	bool one = row->how & VN_SQL_ALLOWED && !several && !q.joins;
	if (one && is_temporary(j, &target))
		is &= ~s->sql->own;
	deed_add(j, s, is | q.is, is & s->sql->own ? main : q.inside ? q.inside : main);
}

/* A statement in a string, or kept under a name. */
static void kept_judge(struct judge *j, const struct vn_sql *sql, struct vn_span text)
{
	bool later = j->later;

	if (!text.n || j->texts >= VN_SQL_DEPTH_MAX) {
		j->deed.is |= VN_IS_UNKNOWN;
		return;
	}
	j->texts++;
	j->later = false;
	text_judge(j, sql, text);
	j->later = later;
	j->texts--;
}

/* ANALYZE, with its value where it has one. */
static bool option_on(struct scan *s)
{
	static const char *const off[] = { "FALSE", "OFF", "0", "NO" };
	bool on = true;

	next(s);
	for (unsigned i = 0; i < 4; i++)
		on &= s->now.kind == MARK || s->now.text.n != strlen(off[i]) ||
		      strncasecmp((const char *)s->now.text.p, off[i], s->now.text.n);
	return on;
}

/* Is what is explained run? The scan is before it then. */
static bool explains_run(struct scan *s, bool runs)
{
	struct scan at = *s;

	next(&at);
	bool option = at.now.kind == WORD && !either_is(&at, "SELECT|WITH|VALUES|TABLE");
	if (is_mark(s, '(') && option) {
		for (next(s); !is_mark(s, ')') && !statement_over(s); ) {
			if (either_is(s, "ANALYZE|ANALYSE"))
				runs = option_on(s);
			else
				one_skip(s);
		}
		next(s);
	}
	while (either_is(s, "ANALYZE|ANALYSE|VERBOSE|EXTENDED|PARTITIONS|FORMAT")) {
		bool format = word_is(s, "FORMAT");
		runs |= either_is(s, "ANALYZE|ANALYSE");
		next(s);
		if (format && is_mark(s, '=')) {
			next(s);
			next(s);
		}
	}
	return runs;
}

/* What it explains counts where it is run; a definition that is explained is not forbidden. */
static void explain_judge(struct judge *j, struct scan *s, const struct vn_sql_keyword *row)
{
	bool runs = explains_run(s, row->how & VN_SQL_ANALYZES);
	struct judge inner = *j;
	unsigned own = s->sql->own;

	inner.deed = (struct vn_sql_deed){ 0 };
	statement_judge(&inner, s);
	unsigned at = inner.deed.row;
	const struct vn_sql_keyword *what = at ? &s->sql->keywords[at - 1] : NULL;
	unsigned known = inner.deed.is & ~(unsigned)VN_IS_UNKNOWN;
	bool query = what && what->how & (VN_SQL_QUERY | VN_SQL_INSIDE);
	bool all = query || s->sql->explains;
	unsigned counts = runs ? (all ? ~0u : ~own) : s->sql->explains ? own : 0;
	deed_add(j, s, row->is | (known & counts), known & counts & own ? what : row);
	if (what && what->how & VN_SQL_EXECUTES && runs)
		j->deed.is |= inner.deed.is;
}

/* COPY (query), COPY name ... TO, COPY name ... FROM */
static void copy_judge(struct judge *j, struct scan *s, const struct vn_sql_keyword *row)
{
	if (is_mark(s, '(')) {
		next(s);
		deed_add(j, s, VN_IS_READ, NULL);
		statement_judge(j, s);
		return;
	}
	bool temporary = name_take(s) && is_temporary(j, &s->name);
	while (!statement_over(s) && !word_is(s, "TO") && !word_is(s, "FROM"))
		one_skip(s);
	if (word_is(s, "TO"))
		deed_add(j, s, VN_IS_READ, NULL);
	else
		deed_add(j, s, temporary ? row->is & ~s->sql->own : row->is, row);
}

static void prepare_judge(struct judge *j, struct scan *s, const struct vn_sql_keyword *row)
{
	struct token name = s->name;
	struct vn_span text = { 0 };
	const uint8_t *from = s->now.text.p;

	deed_add(j, s, row->is, row);
	if (s->now.kind == STRING)
		text = s->now.text;
	else if (row->how & VN_SQL_PREFIX && s->now.kind != END)
		text = (struct vn_span){ from, (size_t)(s->rest.p + s->rest.n - from) };
	struct scan at = *s;
	while (!statement_over(&at))
		next(&at);
	if (row->how & VN_SQL_PREFIX && is_mark(&at, ';') && text.n)
		text.n = (size_t)(at.now.text.p - text.p);
	keep(j, 'S', &name, text);
	if (s->sql->prepares && text.n) {
		struct judge inner = *j;
		inner.deed = (struct vn_sql_deed){ 0 };
		kept_judge(&inner, s->sql, text);
		j->deed.is |= inner.deed.is & s->sql->prepares;
	}
}

static void name_judge(struct judge *j, struct scan *s, const struct vn_sql_keyword *row)
{
	bool temporary = is_temporary(j, &s->name), alone = !is_mark(s, ',');

	if (row->how & VN_SQL_TEMPORARY)
		keep(j, 'T', &s->name, (struct vn_span){ yes, 1 });
	if (row->how & VN_SQL_DROPS && temporary)
		keep(j, 'T', &s->name, (struct vn_span){ 0 });
	bool allowed = row->how & VN_SQL_ALLOWED && temporary && alone;
	deed_add(j, s, allowed ? row->is & ~s->sql->own : row->is, row);
}

/* What is run is under a name, or a string that follows; else nobody knows. */
static void execute_judge(struct judge *j, struct scan *s, const struct vn_sql_keyword *row)
{
	struct vn_span text = { 0 };

	if (row->how & VN_SQL_EXECUTES)
		text = kept_find(j, name_key('S', &s->name));
	else if (s->now.kind == STRING)
		text = s->now.text;
	if (!text.n)
		deed_add(j, s, row->is, NULL);
	if (is_mark(s, '('))
		values_judge(j, s);
	kept_judge(j, s->sql, text);
}

static void row_judge(struct judge *j, struct scan *s, const struct scan *from,
                      const struct vn_sql_keyword *row)
{
	bool later = j->later;

	if (row->how & (VN_SQL_EXPLAINS | VN_SQL_ANALYZES)) {
		explain_judge(j, s, row);
	} else if (row->how & VN_SQL_COPIES) {
		copy_judge(j, s, row);
	} else if (row->how & VN_SQL_PREPARES) {
		prepare_judge(j, s, row);
	} else if (row->how & VN_SQL_FORGETS) {
		deed_add(j, s, row->is, row);
		keep(j, 'S', &s->name, (struct vn_span){ 0 });
	} else if (row->how & (VN_SQL_EXECUTES | VN_SQL_IMMEDIATE)) {
		execute_judge(j, s, row);
	} else if (row->how & VN_SQL_PREFIX) {
		deed_add(j, s, row->is, row);
		between_judge(j, *from, s);
		j->later |= !!(row->how & VN_SQL_LATER);
		statement_judge(j, s);
		j->later = later;
	} else if (row->how & VN_SQL_QUERY) {
		query_judge(j, s, row);
	} else {
		name_judge(j, s, row);
	}
}

static void statement_judge(struct judge *j, struct scan *s)
{
	while (is_mark(s, '('))
		next(s);
	if (statement_over(s))
		return;
	struct scan from = *s;
	bool more = j->statements < VN_SQL_NESTED_MAX && j->n++ < VN_SQL_STATEMENTS_MAX;
	const struct vn_sql_keyword *row = more ? row_find(s, 0, VN_SQL_INSIDE) : NULL;
	if (!row) {
		j->deed.is |= VN_IS_UNKNOWN;
		return;
	}
	j->statements++;
	row_judge(j, s, &from, row);
	j->statements--;
}

static void text_judge(struct judge *j, const struct vn_sql *sql, struct vn_span text)
{
	struct scan s = scan_begin(sql, text);

	while (s.now.kind != END) {
		statement_judge(j, &s);
		while (!statement_over(&s))
			next(&s);
		if (is_mark(&s, ';'))
			next(&s);
	}
}

/* ---- all of it ---- */

enum {
	TRANSACTS = VN_IS_BEGIN | VN_IS_COMMIT | VN_IS_ROLLBACK,
	KEEPS = VN_SQL_PREPARES | VN_SQL_FORGETS | VN_SQL_TEMPORARY | VN_SQL_DROPS,
	ELSEWHERE = VN_SQL_EXECUTES | VN_SQL_IMMEDIATE,
};

/* What is begun, committed or rolled back is what the text begins with. */
struct vn_sql_deed vn_sql_judge(struct vn_session *t, const struct vn_sql *sql,
                                struct vn_span *text)
{
	size_t n = text->n < VN_SQL_TEXT_MAX ? text->n : VN_SQL_TEXT_MAX;
	struct judge j = { .session = t };
	struct scan s = scan_begin(sql, (struct vn_span){ text->p, n });

	while (is_mark(&s, '(') || is_mark(&s, ';'))
		next(&s);
	if (s.now.kind == END)
		return j.deed;
	const struct vn_sql_keyword *row = row_find(&s, 0, VN_SQL_INSIDE);
	if (!row)
		return (struct vn_sql_deed){ VN_IS_UNKNOWN, 0 };
	if (!t->judged && !(row->how & KEEPS))
		return (struct vn_sql_deed){ row->is, (unsigned)(row - sql->keywords) + 1 };
	text_judge(&j, sql, (struct vn_span){ text->p, n });
	unsigned transacts = row->how & ELSEWHERE ? j.deed.is : row->is;
	j.deed.is = (j.deed.is & ~(unsigned)TRANSACTS) | (transacts & TRANSACTS);
	if (n == VN_SQL_TEXT_MAX && !(j.deed.is & sql->own))
		j.deed.is |= VN_IS_UNKNOWN;
	kept_store(&j, text);
	return j.deed;
}

/* A text that was kept in place of another is gone as well: that is unknown then. */
void vn_sql_undo(struct vn_session *t, const struct vn_sql *sql, struct vn_span text)
{
	size_t n = text.n < VN_SQL_TEXT_MAX ? text.n : VN_SQL_TEXT_MAX;
	struct judge j = { .session = t };
	struct scan s = scan_begin(sql, (struct vn_span){ text.p, n });
	const struct vn_sql_keyword *row = row_find(&s, 0, VN_SQL_INSIDE);

	if (!row || (!t->judged && !(row->how & KEEPS)))
		return;
	text_judge(&j, sql, (struct vn_span){ text.p, n });
	for (unsigned i = 0; i < j.n_kept; i++) {
		const struct kept *k = &j.kept[i];
		if (k->text.n)
			vn_text_cache_drop(t->texts, k->key);
		else if (!k->statement)
			vn_text_cache_put(t->texts, k->key, (struct vn_span){ yes, 1 });
	}
}
