/* top.c - vaurienctl top: proxies, rules and connections in a terminal, and keys to change them. */
#include "top.h"

#include <assert.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum { TYPED_MOST = 4096, WAIT_MOST = 5 };      /* bytes; seconds for an answer */

static volatile sig_atomic_t stopped;

static void stop_note(int number)
{
	stopped = 1;
}

/* ---- actions: those of the command line, for the proxy that is chosen ---- */

static void act(struct top *t, const char *name, const char *const *words, unsigned n,
                json_t *options)
{
	struct call c = *t->call;

	c.top = NULL;
	c.json = false;
	c.options = options ? options : json_object();
	c.n = n;
	for (unsigned i = 0; i < n; i++)
		c.words[i] = words[i];
	EACH_ACTION(a)
		if (!strcmp(a->name, name))
			c.action = a;
	c.proxy = c.action->whom == ONE ? t->chosen : NULL;     /* calm is for all */
	top_capture(t, c.action->run, &c);
	json_decref(c.options);
}

/* "delay sleep=2s" to its words, which are to be freed. Returns their number. */
static unsigned words_cut(const char *text, char *words[WORDS - 1])
{
	char error[ERROR_MAX];
	unsigned n = 0;

	while (n < WORDS - 1 && (words[n] = word_next(&text, error)))
		n++;
	return n;
}

static void words_free(char **words, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(words[i]);
}

static void message_set(struct top *t, const char *text)
{
	free(t->message);
	t->message = strdup(text);
	t->bad = true;
}

/* The name of the rule that is chosen. NULL: none is, which the message says. */
static const char *rule_chosen(struct top *t)
{
	const json_t *rule = t->what == RULES ? top_detail(t) : NULL;

	if (!rule)
		message_set(t, "no rule is chosen");
	return rule ? text_of(rule, "name") : NULL;
}

static void rule_add_key(struct top *t)
{
	char text[TYPED_MOST] = "";

	if (t->chosen && top_prompt(t, "add a rule:", text, sizeof text) && *text)
		act(t, "rule add", (const char *[]){ text }, 1, NULL);
}

static void behavior_set(struct top *t, char *text)
{
	char *words[WORDS - 1];
	unsigned n = words_cut(text, words);
	json_t *options = json_object();

	for (unsigned i = 1; i < n; i++) {
		char *equals = strchr(words[i], '=');
		if (equals)
			*equals = 0;
		json_object_set_new(options, words[i],
		                    equals ? json_string(equals + 1) : json_true());
	}
	if (n)
		act(t, "set-behavior", (const char *[]){ words[0] }, 1, options);
	else
		json_decref(options);
	words_free(words, n);
}

/* Of percents the options differ by behavior: only the percents are typed again. */
static void behavior_key(struct top *t)
{
	const struct row *r = top_chosen(t);
	char text[TYPED_MOST] = "";
	const json_t *rule;
	size_t i;

	if (!r)
		return;
	snprintf(text, sizeof text, "%s", r->behavior);
	json_array_foreach(r->rules, i, rule)
		if (!strcmp(text_of(rule, "name"), "behavior") && !strchr(text, ':'))
			snprintf(text, sizeof text, "%s", text_of(rule, "as_rule"));
	if (top_prompt(t, "set-behavior:", text, sizeof text))
		behavior_set(t, text);
}

/* What is typed at first: the rule's options, without its behavior and its name. */
static void options_put(const json_t *rule, char *text, size_t size)
{
	char *words = top_words(rule);
	size_t first = strcspn(words, " ");

	snprintf(text, size, "%s", words + first + (words[first] == ' '));
	free(words);
}

static void rule_set_key(struct top *t)
{
	char text[TYPED_MOST], *words[WORDS - 1];
	const char *name = rule_chosen(t), *all[WORDS];

	if (name && !strcmp(name, "behavior"))
		behavior_key(t);
	if (!name || !strcmp(name, "behavior"))
		return;
	options_put(top_detail(t), text, sizeof text);
	if (!top_prompt(t, "change to:", text, sizeof text))
		return;
	unsigned n = words_cut(text, words);
	all[0] = name;
	memcpy(all + 1, words, n * sizeof *words);
	act(t, "rule set", all, n + 1, NULL);
	words_free(words, n);
}

static void rule_remove_key(struct top *t)
{
	const char *name = rule_chosen(t);

	if (!name || !top_confirm(t, "remove this rule?"))
		return;
	if (!strcmp(name, "behavior"))
		act(t, "set-behavior", (const char *[]){ "dummy" }, 1, NULL);
	else
		act(t, "rule remove", (const char *[]){ name }, 1, NULL);
}

/* The rule stays, with its counts, and can be switched on again. */
static void switch_key(struct top *t)
{
	const char *name = rule_chosen(t);
	const json_t *options = name ? json_object_get(top_detail(t), "options") : NULL;
	bool off = json_is_false(json_object_get(options, "enabled"));

	if (name)
		act(t, "rule set", (const char *[]){ name, off ? "enabled=true" : "enabled=false" },
		    2, NULL);
}

static void down_key(struct top *t)
{
	const struct row *r = top_chosen(t);

	if (r)
		act(t, r->refusing ? "up" : "down", (const char *[]){ t->chosen }, 1, NULL);
}

static void calm_key(struct top *t)
{
	if (top_confirm(t, "all calm: switch off all rules of all proxies?"))
		act(t, "calm", NULL, 0, NULL);
}

static void connection_end(struct top *t, bool reset)
{
	const json_t *c = t->what == CONNECTIONS ? top_detail(t) : NULL;
	char number[32];

	if (!c) {
		message_set(t, "no connection is chosen; c shows them");
		return;
	}
	snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
	         json_integer_value(json_object_get(c, "connection")));
	act(t, "close", (const char *[]){ t->chosen, number }, 2,
	    reset ? json_pack("{s:b}", "reset", true) : NULL);
}

static void close_key(struct top *t)
{
	connection_end(t, false);
}

static void reset_key(struct top *t)
{
	connection_end(t, true);
}

/* ---- looking ---- */

static void move_by(struct top *t, long by)
{
	struct list *l = t->pane == PROXIES ? &t->proxies : &t->details;
	size_t n = t->pane == PROXIES ? t->n_shown : top_details(t);
	long to = (long)l->at + by;

	to = to >= (long)n ? (long)n - 1 : to;
	to = to < 0 ? 0 : to;
	if (t->pane == PROXIES)
		top_choose(t, (size_t)to);
	else
		l->at = (size_t)to;
}

static void up_key(struct top *t)
{
	move_by(t, -1);
}

static void down_row_key(struct top *t)
{
	move_by(t, 1);
}

static void page_up_key(struct top *t)
{
	move_by(t, -LINES / 2);
}

static void page_down_key(struct top *t)
{
	move_by(t, LINES / 2);
}

static void home_key(struct top *t)
{
	move_by(t, -1000000);
}

static void end_key(struct top *t)
{
	move_by(t, 1000000);
}

static void tab_key(struct top *t)
{
	t->pane = t->pane == PROXIES ? DETAILS : PROXIES;
}

static void sort_key(struct top *t)
{
	t->sort = (t->sort + 1) % top_n_columns;
}

static void sort_back_key(struct top *t)
{
	t->sort = (t->sort + top_n_columns - 1) % top_n_columns;
}

static void reverse_key(struct top *t)
{
	t->reverse = !t->reverse;
}

static void what_key(struct top *t)
{
	t->what = t->what == RULES ? CONNECTIONS : RULES;
	t->details = (struct list){ 0 };
}

static void filter_key(struct top *t)
{
	char text[sizeof t->filter];

	snprintf(text, sizeof text, "%s", t->filter);
	if (top_prompt(t, "filter:", text, sizeof text))
		memcpy(t->filter, text, sizeof text);
}

static void escape_key(struct top *t)
{
	t->filter[0] = 0;
}

static void pause_key(struct top *t)
{
	t->paused = !t->paused;
}

static void help_key(struct top *t)
{
	top_help();
}

static void quit_key(struct top *t)
{
	stopped = 1;
}

static const struct {
	int key;
	void (*press)(struct top *);
	bool changes;                   /* the server is asked again at once */
} keys[] = {
	{ KEY_UP, up_key, true }, { 'k', up_key, true },
	{ KEY_DOWN, down_row_key, true }, { 'j', down_row_key, true },
	{ KEY_PPAGE, page_up_key, true }, { KEY_NPAGE, page_down_key, true },
	{ KEY_HOME, home_key, true }, { KEY_END, end_key, true },
	{ '\t', tab_key }, { 's', sort_key }, { 'S', sort_back_key }, { 'r', reverse_key },
	{ '/', filter_key }, { 27, escape_key }, { 'c', what_key, true },
	{ 'a', rule_add_key, true }, { 'e', rule_set_key, true }, { '\n', rule_set_key, true },
	{ KEY_ENTER, rule_set_key, true }, { 'd', rule_remove_key, true },
	{ KEY_DC, rule_remove_key, true }, { 't', switch_key, true },
	{ 'b', behavior_key, true }, { 'D', down_key, true },
	{ 'x', close_key, true }, { 'X', reset_key, true }, { 'C', calm_key, true },
	{ 'p', pause_key }, { ' ', pause_key }, { '?', help_key }, { 'h', help_key },
	{ 'q', quit_key }, { 3, quit_key },
};

/* ---- from the first screen to the last ---- */

/* True: the server is to be asked at once. */
static bool key_take(struct top *t, int key)
{
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (keys[i].key == key) {
			keys[i].press(t);
			top_arrange(t);
			return keys[i].changes;
		}
	return false;
}

static void watch(struct top *t)
{
	double next = 0;

	while (!stopped) {
		if (clock_now(CLOCK_MONOTONIC) >= next && !t->paused) {
			top_fetch(t);
			next = clock_now(CLOCK_MONOTONIC) + t->interval;
		}
		top_draw(t);
		double left = next - clock_now(CLOCK_MONOTONIC);
		timeout(t->paused ? 1000 : left > 0 ? (int)(left * 1000) + 1 : 0);
		int key = getch();
		if (key != ERR && key_take(t, key))
			next = 0;
	}
}

static bool terminal_open(SCREEN **screen)
{
	FILE *out = fdopen(dup(STDOUT_FILENO), "w"), *in = fdopen(dup(STDIN_FILENO), "r");
	const char *colours = getenv("NO_COLOR");

	assert(out && in);
	setlocale(LC_CTYPE, "");
	*screen = newterm(NULL, out, in);
	if (!*screen)
		return false;
	signal(SIGINT, stop_note);
	signal(SIGTERM, stop_note);
	cbreak();
	noecho();
	set_escdelay(25);
	keypad(stdscr, true);
	curs_set(0);
	if ((!colours || !*colours) && has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_GREEN, -1);
		init_pair(2, COLOR_RED, -1);
		init_pair(3, COLOR_YELLOW, -1);
	}
	return true;
}

static int top(struct call *c)
{
	const json_t *every = json_object_get(c->options, "interval");
	const char *text = every ? json_string_value(every) : "1s";
	struct top t = { .call = c, .interval = 1 };
	SCREEN *screen;

	if (!text || !seconds_read(text, &t.interval) || t.interval < 0.1) {
		fputs("vaurienctl: error: top: --interval: expected a time of at least 100ms\n",
		      stderr);
		return MISUSED;
	}
	if (!isatty(STDIN_FILENO) || !on_terminal()) {
		fputs("vaurienctl: top: expected a terminal; `vaurienctl status` needs none\n",
		      stderr);
		return FAILED;
	}
	if (!terminal_open(&screen)) {
		fputs("vaurienctl: top: the terminal's kind (TERM) is not known\n", stderr);
		return FAILED;
	}
	c->patience = WAIT_MOST;
	if (c->proxy)
		t.chosen = strdup(c->proxy);
	watch(&t);
	endwin();
	delscreen(screen);
	top_free(&t);
	return 0;
}

static const char *const top_options[] = { "interval", NULL };

const struct action top_actions[] = {
	{ "top", "[--interval TIME]", "watch proxies, rules and connections, and change them", 0, 0,
	  top_options, top,
	  "  --interval TIME  between two looks (default 1s)\n\n"
	  "? shows the keys. Rates are those of the last interval; p50 and p99 are of the times\n"
	  "from a request to the last byte of its answer.\n", .whom = MANY },
	{ NULL },
};
