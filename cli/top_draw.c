/* top_draw.c - the screen of `vaurienctl top`: two lists, a line of keys, a line to type in. */
#include <langinfo.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "top.h"

enum { LEAST_LINES = 8, TEXT_MOST = 1024 };

enum { PAIR_GOOD = 1, PAIR_BAD, PAIR_WARM };

/* ---- texts ---- */

/* The next character of UTF-8, as the terminal may show it. */
static wchar_t character(const char **at)
{
	static int plain = -1;
	wchar_t c;
	int n = mbtowc(&c, *at, 4);

	if (plain < 0)
		plain = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (n <= 0 || plain) {          /* not our character set: a byte at a time */
		unsigned char byte = (unsigned char)*(*at)++;
		while (byte >= 0x80 && ((unsigned char)**at & 0xc0) == 0x80)
			(*at)++;
		return byte >= 0x80 || screen_harmful(byte) ? L'?' : byte;
	}
	*at += n;
	return screen_harmful((unsigned long)c) || wcwidth(c) < 0 ? L'?' : c;
}

/* As much of it as has room, and the columns that it takes. */
static int fit(const char *text, int room, wchar_t wide[TEXT_MOST])
{
	int columns = 0, n = 0;

	while (*text && n < TEXT_MOST - 1) {
		wchar_t c = character(&text);
		if (columns + wcwidth(c) > room)
			break;
		columns += wcwidth(c);
		wide[n++] = c;
	}
	wide[n] = 0;
	return columns;
}

/* In a cell of that width, the rest of which is blank. Returns the column behind it. */
static int put(int y, int x, int width, const char *text, bool right)
{
	wchar_t wide[TEXT_MOST];
	int columns = fit(text, width, wide);

	mvhline(y, x, ' ', width);
	mvaddwstr(y, right ? x + width - columns : x, wide);
	return x + width;
}

/* A name that is too long: its beginning and its end, which may be a port. */
static int put_name(int y, int x, int width, const char *name)
{
	enum { END = 6 };
	wchar_t wide[TEXT_MOST], whole[TEXT_MOST];
	int columns = fit(name, TEXT_MOST, whole), n = (int)wcslen(whole);

	if (columns <= width || width < 2 * END || columns != n)
		return put(y, x, width, name, false);
	wmemcpy(wide, whole, (size_t)(width - END - 1));
	wide[width - END - 1] = L'~';
	wmemcpy(wide + width - END, whole + n - END, END + 1);
	mvhline(y, x, ' ', width);
	mvaddwstr(y, x, wide);
	return x + width;
}

/* ---- numbers, in at most five characters ---- */

/* 0, 0.4, 12, 4711, 12k, 1.2M */
static char *number(double n)
{
	static const struct { double from, unit; const char *name; } units[] = {
		{ 9.995e9, 1e9, "G" }, { 9.995e6, 1e6, "M" }, { 9999.5, 1e3, "k" },
	};

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (n >= units[i].from)
			return xasprintf("%.0f%s", n / units[i].unit, units[i].name);
	return n > 0 && n < 9.95 ? xasprintf("%.1f", n) : xasprintf("%.0f", n);
}

static char *count(double n)
{
	return n < 9999.5 ? xasprintf("%.0f", n) : number(n);
}

/* 250us, 1.2ms, 13ms, 2.0s; -: none */
static char *duration(double seconds)
{
	if (seconds < 0)
		return xasprintf("-");
	if (seconds < 9.995e-4)
		return xasprintf("%.0fus", seconds * 1e6);
	if (seconds < 9.95e-3)
		return xasprintf("%.1fms", seconds * 1e3);
	if (seconds < 0.9995)
		return xasprintf("%.0fms", seconds * 1e3);
	return xasprintf(seconds < 9.95 ? "%.1fs" : "%.0fs", seconds);
}

/* ---- the columns of the upper list ---- */

#define BY_TEXT(field) \
	static int by_##field(const struct row *a, const struct row *b) \
	{ \
		return strcmp(a->field, b->field); \
	} \
	static char *show_##field(const struct row *r) \
	{ \
		return xasprintf("%s", r->field); \
	}

/* The greatest first: it is what one looks for. */
#define BY_NUMBER(name, value, shown) \
	static int by_##name(const struct row *a, const struct row *b) \
	{ \
		return (b->value > a->value) - (b->value < a->value); \
	} \
	static char *show_##name(const struct row *r) \
	{ \
		return shown(r->value); \
	}

BY_TEXT(name)
BY_TEXT(protocol)
BY_TEXT(faults)
BY_NUMBER(clients, rate.clients, count)
BY_NUMBER(exchanges, rate.exchanges, number)
BY_NUMBER(hits, rate.hits, number)
BY_NUMBER(in, rate.in, number)
BY_NUMBER(out, rate.out, number)
BY_NUMBER(held, rate.held, number)
BY_NUMBER(p50, rate.p50, duration)
BY_NUMBER(p99, rate.p99, duration)

static const char *state(const struct row *r)
{
	return !r->listening ? "off" : r->refusing ? "down" : "up";
}

static int by_state(const struct row *a, const struct row *b)
{
	return strcmp(state(a), state(b));
}

static char *show_state(const struct row *r)
{
	return xasprintf("%s", state(r));
}

const struct top_column top_columns[] = {
	{ "proxy",    14, false, by_name,      show_name },
	{ "protocol",  8, false, by_protocol,  show_protocol },
	{ "state",     5, false, by_state,     show_state },
	{ "clients",   7, true,  by_clients,   show_clients },
	{ "exch/s",    6, true,  by_exchanges, show_exchanges },
	{ "hits/s",    6, true,  by_hits,      show_hits },
	{ "p50",       5, true,  by_p50,       show_p50 },
	{ "p99",       5, true,  by_p99,       show_p99 },
	{ "held",      4, true,  by_held,      show_held },
	{ "in/s",      5, true,  by_in,        show_in },
	{ "out/s",     5, true,  by_out,       show_out },
	{ "faults",    0, false, by_faults,    show_faults },
};

const unsigned top_n_columns = sizeof top_columns / sizeof top_columns[0];

/* A column that is left out where there is little room: the rules are in the lower list. */
static bool is_left_out(const struct top_column *c)
{
	return COLS < 100 && c->show == show_faults;
}

/* Room beyond 80 columns is shared by names and faults. */
static int width_of(const struct top_column *c, int x)
{
	if (c->show == show_name && COLS > 80)
		return c->width + (COLS < 100 ? COLS - 80 : COLS < 144 ? (COLS - 80) / 4 : 16);
	return !c->width ? COLS - x : c->width < COLS - x ? c->width : COLS - x;
}

/* ---- the lists ---- */

/* Keeps the chosen row among the `lines` that are shown. */
static void list_scroll(struct list *l, size_t n, int lines)
{
	size_t room = lines > 0 ? (size_t)lines : 0;

	if (l->at >= n)
		l->at = n ? n - 1 : 0;
	if (l->at < l->top)
		l->top = l->at;
	if (room && l->at >= l->top + room)
		l->top = l->at - room + 1;
}

static void titles_draw(const struct top *t, int y)
{
	int x = 0;

	attron(A_BOLD | A_UNDERLINE);
	mvhline(y, 0, ' ', COLS);
	for (unsigned i = 0; i < top_n_columns && x < COLS; i++) {
		const struct top_column *c = &top_columns[i];
		if (is_left_out(c))
			continue;
		bool sorted = t->sort == i;
		attr_t how = sorted ? A_REVERSE : A_NORMAL;
		attron(how);
		put(y, x, width_of(c, x), c->title, c->right);
		attroff(how);
		x += width_of(c, x) + 1;
	}
	attroff(A_BOLD | A_UNDERLINE);
}

static attr_t colour_of(const struct row *r, const struct top_column *c)
{
	if (c->show == show_state)
		return (attr_t)COLOR_PAIR(strcmp(state(r), "up") ? PAIR_BAD : PAIR_GOOD);
	if (c->show == show_hits && r->rate.hits > 0)
		return (attr_t)COLOR_PAIR(PAIR_WARM);
	return A_NORMAL;
}

static void proxy_draw(const struct row *r, int y)
{
	int x = 0;

	mvhline(y, 0, ' ', COLS);
	for (unsigned i = 0; i < top_n_columns && x < COLS; i++) {
		const struct top_column *c = &top_columns[i];
		if (is_left_out(c))
			continue;
		char *text = c->show(r);
		attr_t colour = colour_of(r, c);
		attron(colour);
		if (c->show == show_name)
			put_name(y, x, width_of(c, x), text);
		else
			put(y, x, width_of(c, x), text, c->right);
		attroff(colour);
		x += width_of(c, x) + 1;
		free(text);
	}
}

static void proxies_draw(struct top *t, int y, int lines)
{
	list_scroll(&t->proxies, t->n_shown, lines);
	for (int i = 0; i < lines; i++) {
		size_t k = t->proxies.top + (size_t)i;
		bool chosen = k == t->proxies.at;
		attr_t how = !chosen ? A_NORMAL : t->pane == PROXIES ? A_REVERSE : A_BOLD;
		if (k >= t->n_shown)
			break;
		attron(how);
		proxy_draw(&t->rows[t->shown[k]], y + i);
		attroff(how);
	}
}

/* ---- the lower list ---- */

static json_int_t whole_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void rule_draw(const json_t *rule, int y)
{
	char *seen = count((double)whole_of(rule, "seen"));
	char *hits = count((double)whole_of(rule, "hits"));
	char *lost = count((double)whole_of(rule, "unreachable")), *words = top_words(rule);
	int x = put_name(y, 0, 14, text_of(rule, "name")) + 1;

	x = put(y, x, 6, seen, true) + 1;
	x = put(y, x, 6, hits, true) + 1;
	x = put(y, x, 11, lost, true) + 1;
	if (x < COLS)
		put(y, x, COLS - x, words, false);
	free(words);
	free(seen);
	free(hits);
	free(lost);
}

static void connection_draw(const json_t *c, int y)
{
	const json_t *asks = json_object_get(c, "asks"), *by = json_object_get(c, "held_by");
	char *n = xasprintf("%" JSON_INTEGER_FORMAT, whole_of(c, "connection"));
	char *age = duration(json_number_value(json_object_get(c, "age")));
	char *exchanges = count((double)whole_of(c, "exchanges"));
	int x = put(y, 0, 8, n, true) + 1;

	x = put_name(y, x, 21, text_of(c, "client")) + 1;
	x = put(y, x, 5, text_of(c, "state"), false) + 1;
	x = put(y, x, 5, age, true) + 1;
	x = put(y, x, 6, exchanges, true) + 1;
	x = put(y, x, 12, text_of(asks, "verb"), false) + 1;
	if (x < COLS)
		put(y, x, COLS - x, text_of(by, "rule"), false);
	free(n);
	free(age);
	free(exchanges);
}

static const struct {
	const char *what, *titles;
	void (*draw)(const json_t *, int y);
} kinds[] = {
	[RULES] = { "rules", "rule             seen   hits unreachable behavior and conditions",
	            rule_draw },
	[CONNECTIONS] = { "connections",
	                  "  number client                state   age  exch. asks         held by",
	                  connection_draw },
};

static void details_draw(struct top *t, int y, int lines)
{
	const struct row *r = top_chosen(t);
	const json_t *all = t->what == CONNECTIONS ? t->connections : r ? r->rules : NULL;
	char *title = r ? xasprintf("%s of %s: %s -> %s%s%s", kinds[t->what].what, r->name,
	                            r->listen, r->backend, *r->failures ? "; " : "", r->failures)
	                : xasprintf("no proxy");

	attron(A_BOLD);
	put(y, 0, COLS, title, false);
	attroff(A_BOLD);
	free(title);
	attron(A_BOLD | A_UNDERLINE);
	put(y + 1, 0, COLS, kinds[t->what].titles, false);
	attroff(A_BOLD | A_UNDERLINE);
	list_scroll(&t->details, json_array_size(all), lines - 2);
	for (int i = 0; i < lines - 2; i++) {
		size_t k = t->details.top + (size_t)i;
		bool chosen = k == t->details.at && t->pane == DETAILS;
		if (k >= json_array_size(all))
			break;
		attron(chosen ? A_REVERSE : A_NORMAL);
		mvhline(y + 2 + i, 0, ' ', COLS);
		kinds[t->what].draw(json_array_get(all, k), y + 2 + i);
		attroff(chosen ? A_REVERSE : A_NORMAL);
	}
}

/* ---- all of it ---- */

static void head_draw(const struct top *t)
{
	double clients = 0, exchanges = 0, hits = 0;

	for (size_t i = 0; i < t->n; i++) {
		clients += t->rows[i].rate.clients;
		exchanges += t->rows[i].rate.exchanges;
		hits += t->rows[i].rate.hits;
	}
	char *e = number(exchanges), *h = number(hits), *c = count(clients);
	char *text = xasprintf("vaurien %s: %zu %s, %s %s, %s exchanges/s, %s hits/s%s%s%s%s",
	                       t->version ? t->version : "", t->n, t->n == 1 ? "proxy" : "proxies",
	                       c, clients < 2 && clients > 0 ? "client" : "clients", e, h,
	                       *t->filter ? "  filter: " : "", t->filter,
	                       t->paused ? "  paused" : "", t->reverse ? "  reversed" : "");
	attron(A_BOLD);
	put(0, 0, COLS, text, false);
	attroff(A_BOLD);
	free(text);
	free(c);
	free(h);
	free(e);
}

enum { MESSAGE_MOST = 4 };              /* lines */

/* Where a line that begins with this text ends: at a blank, if there is one. */
static const char *line_end(const char *text)
{
	const char *at = text, *blank = NULL, *next = text;
	int columns = 0;

	while (*at && (columns += wcwidth(character(&next))) <= COLS) {
		blank = *at == ' ' ? at : blank;
		at = next;
	}
	return *at && blank ? blank : at;
}

static int message_lines(const struct top *t)
{
	const char *text = t->message ? t->message : "";
	int n = 0;

	for (; *text && n < MESSAGE_MOST; n++) {
		text = line_end(text);
		text += *text == ' ';
	}
	return n ? n : 1;
}

/* Above the keys. */
static void message_draw(const struct top *t, int lines)
{
	const char *text = t->message ? t->message : "", *end;

	for (int i = lines; i && *text; i--, text = end + (*end == ' ')) {
		end = line_end(text);
		char *line = xasprintf("%.*s", (int)(end - text), text);
		put(LINES - 1 - i, 0, COLS, line, false);
		free(line);
	}
}

static void foot_draw(const struct top *t)
{
	static const char *const keys[] = {
		[RULES] = "a add  e edit  t off/on  d remove  b behavior  D down  c connections"
		          "  ? q",
		[CONNECTIONS] = "x close  X reset  c rules  a add  b behavior  D down  / filter"
		                "  ? q",
	};
	attr_t colour = t->bad ? (attr_t)COLOR_PAIR(PAIR_BAD) : A_NORMAL;

	attron(colour);
	message_draw(t, message_lines(t));
	attroff(colour);
	attron(A_REVERSE);
	put(LINES - 1, 0, COLS, keys[t->what], false);
	attroff(A_REVERSE);
}

void top_draw(struct top *t)
{
	int room = LINES - 3 - message_lines(t), upper; /* without head, titles, keys */

	erase();
	if (LINES < LEAST_LINES) {
		put(0, 0, COLS, "too small", false);
		refresh();
		return;
	}
	upper = (int)t->n_shown + 1 < room / 2 ? (int)t->n_shown + 1 : room / 2;
	head_draw(t);
	titles_draw(t, 1);
	proxies_draw(t, 2, upper);
	details_draw(t, 2 + upper, room - upper);
	foot_draw(t);
	refresh();
}

/* ---- what is typed ---- */

/* Bytes: a character of UTF-8 comes as several keys. */
static size_t begin_of_last(const char *text, size_t n)
{
	while (n && ((unsigned char)text[--n] & 0xc0) == 0x80)
		;
	return n;
}

/* The end of the text, if all of it has no room. */
static void prompt_draw(const char *label, const char *text)
{
	wchar_t wide[TEXT_MOST];
	int x = put(LINES - 2, 0, fit(label, COLS / 2, wide), label, false) + 1;

	while (fit(text, TEXT_MOST, wide) >= COLS - x - 1)
		for (text++; ((unsigned char)*text & 0xc0) == 0x80; text++)
			;
	mvhline(LINES - 2, x - 1, ' ', COLS);
	put(LINES - 2, x, COLS - x - 1, text, false);
	move(LINES - 2, x + fit(text, COLS - x - 1, wide));
	refresh();
}

bool top_prompt(struct top *t, const char *label, char *text, size_t size)
{
	size_t n = strlen(text);
	int key;

	curs_set(1);
	timeout(-1);
	for (;;) {
		prompt_draw(label, text);
		key = getch();
		if (key == '\n' || key == KEY_ENTER || key == 27 || key == 3 || key == ERR)
			break;
		if (key == KEY_RESIZE)
			top_draw(t);
		else if (key == KEY_BACKSPACE || key == 127 || key == 8)
			text[n = begin_of_last(text, n)] = 0;
		else if (key == 21)     /* ^U: all of it */
			text[n = 0] = 0;
		else if (key >= 32 && key < 256 && n + 1 < size)
			text[n++] = (char)key, text[n] = 0;
	}
	curs_set(0);
	return key == '\n' || key == KEY_ENTER;
}

bool top_confirm(struct top *t, const char *question)
{
	char *text = xasprintf("%s (y/n)", question);

	put(LINES - 2, 0, COLS, text, false);
	refresh();
	free(text);
	timeout(-1);
	int key = getch();
	return key == 'y' || key == 'Y';
}

void top_help(void)
{
	static const char *const lines[] = {
		"up, down, k, j    choose a row          Tab  the other list",
		"PgUp, PgDn, Home, End",
		"s, S              sort by the next, the previous column;  r  the other way round",
		"/                 filter proxies by name, protocol, address or fault;  Esc  all",
		"c                 rules, or connections, of the proxy that is chosen",
		"",
		"a                 add a rule, as --rule: delay sleep=300ms match=^GET name=slow",
		"e, Enter          change the options of the rule that is chosen",
		"t, d              switch it off or on again; remove it",
		"b                 set the behavior:  delay sleep=2s,  20:delay,10:error,  dummy",
		"D                 refuse clients and reset connections, or end that",
		"x, X              close, or reset, the connection that is chosen",
		"C                 all calm: switch off all rules of all proxies",
		"",
		"p or blank        pause;  q  quit;  any key  leave this page",
	};

	erase();
	for (int i = 0; i < (int)(sizeof lines / sizeof lines[0]) && i < LINES; i++)
		put(i, 0, COLS, lines[i], false);
	refresh();
	timeout(-1);
	getch();
}
