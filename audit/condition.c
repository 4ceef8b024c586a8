/* condition.c - conditions and assertions of scenarios: their grammar, and how they are judged. */
#include "audit/condition.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "spec/option.h"

#define EPSILON 1e-6                    /* seconds: times are sums of doubles */

enum { WORD_MAX = 200 };                /* bytes of a word, with its NUL */

static const struct metric_row {
	const char *name;               /* of a probe: what stands behind its name */
	enum metric_type type;
	bool of_proxy, of_probe;
} metrics[METRIC_KINDS] = {
	[METRIC_CONNECTIONS]        = { "connections", METRIC_NUMBER, .of_proxy = true },
	[METRIC_CONNECTIONS_OPENED] = { "connections.opened", METRIC_NUMBER, .of_proxy = true },
	[METRIC_CONNECTIONS_RATE]   = { "connections.rate", METRIC_NUMBER, .of_proxy = true },
	[METRIC_EXCHANGES]          = { "exchanges", METRIC_NUMBER, .of_proxy = true },
	[METRIC_EXCHANGES_RATE]     = { "exchanges.rate", METRIC_NUMBER, .of_proxy = true },
	[METRIC_WAITING]            = { "waiting", METRIC_NUMBER, .of_proxy = true },
	[METRIC_HITS]               = { "hits", METRIC_NUMBER, .of_proxy = true },
	[METRIC_RETRIES]            = { "retries", METRIC_NUMBER, .of_proxy = true },
	[METRIC_GAVE_UP]            = { "gave_up", METRIC_NUMBER, .of_proxy = true },
	[METRIC_CLOCK]              = { "clock", METRIC_DURATION },
	[METRIC_PROBES]             = { "probes", METRIC_OUTCOME },
	[METRIC_PROBE]              = { "", METRIC_OUTCOME, .of_probe = true },
	[METRIC_PROBE_TIME]         = { ".time", METRIC_DURATION, .of_probe = true },
	[METRIC_PROBE_ERRORS]       = { ".errors", METRIC_NUMBER, .of_probe = true },
	[METRIC_PROBE_SHARE_OK]     = { ".share_ok", METRIC_NUMBER, .of_probe = true },
};

static const char *const operators[] = {
	[COMPARE_EQUAL] = "=", [COMPARE_DIFFERENT] = "!=", [COMPARE_LESS] = "<",
	[COMPARE_AT_MOST] = "<=", [COMPARE_MORE] = ">", [COMPARE_AT_LEAST] = ">=",
};

enum { OPERATORS = sizeof operators / sizeof operators[0] };

static const char *const modes[] = {
	[ASSERT_ALWAYS] = "always", [ASSERT_EVER] = "ever", [ASSERT_FINALLY] = "finally",
};

enum metric_type metric_type(enum metric_kind kind)
{
	return metrics[kind].type;
}

bool metric_of_proxy(enum metric_kind kind)
{
	return metrics[kind].of_proxy;
}

const char *metric_show(const struct metric *m, char *buffer, size_t size)
{
	const struct metric_row *row = &metrics[m->kind];

	if (row->of_probe)
		snprintf(buffer, size, "probe.%s%s", m->probe, row->name);
	else
		snprintf(buffer, size, "%s%s%s", m->proxy, *m->proxy ? ":" : "", row->name);
	return buffer;
}

/* ---- times ---- */

bool span_read(struct span *span, const char *text)
{
	static const struct vn_opt rows[] = {
		{ .name = "time", .type = VN_OPT_TIME, .unit = VN_S, .offset = 0 }, { NULL },
	};
	struct opt_values values;
	char error[ERROR_MAX];

	*span = (struct span){ 0 };
	if (!strcmp(text, "T") || !strcmp(text, "H")) {
		span->letter = *text;
		return true;
	}
	opt_values_init(&values, rows, sizeof(vn_nsec));
	bool good = opt_set_text(&values, rows, text, error);
	if (good)
		span->seconds = (double)*(vn_nsec *)opt_at(&values, rows) / VN_S;
	opt_values_free(&values);
	return good;
}

double span_seconds(const struct span *span, const struct span_times *times)
{
	return span->letter == 'T' ? times->fault :
	       span->letter == 'H' ? times->hang : span->seconds;
}

/* ---- words ---- */

/* The next word: an operator, or all up to a blank or an operator. Empty: there is none. */
static const char *take(const char **at, char word[WORD_MAX])
{
	static const char signs[] = "=!<>";
	const char *p = *at + strspn(*at, " \t");
	size_t n = strspn(p, signs);

	if (!n)
		while (p[n] && !isspace((unsigned char)p[n]) && !strchr(signs, p[n]))
			n++;
	snprintf(word, WORD_MAX, "%.*s", (int)(n < WORD_MAX ? n : WORD_MAX - 1), p);
	*at = p + n;
	return word;
}

/* Is it the next word? Then it is taken. */
static bool taken(const char **at, const char *word)
{
	char next[WORD_MAX];
	const char *behind = *at;

	if (strcmp(take(&behind, next), word) != 0)
		return false;
	*at = behind;
	return true;
}

static bool expected(const char *what, const char *got, const char *meant, char error[ERROR_MAX])
{
	char shown[64];

	if (*got)
		error_format(error, "expected %s, got '%s'%s", what,
		             text_printable(got, shown, sizeof shown), meant);
	else
		error_format(error, "expected %s behind '%s'", what, meant);
	return false;
}

/* ---- metrics ---- */

static bool metric_unknown(const char *word, char error[ERROR_MAX])
{
	char meant[SUGGEST_MAX];
	struct suggestion near = { .word = word };

	if (!*word) {
		error_format(error, "expected a metric, such as connections or probe.NAME");
		return false;
	}
	for (int i = 0; i < METRIC_KINDS; i++)
		if (!metrics[i].of_probe)
			suggest_try(&near, metrics[i].name);
	return expected("a metric, such as connections, exchanges.rate or probe.NAME", word,
	                suggest_show(&near, "", meant), error);
}

static bool name_put(char to[SCENARIO_NAME_MAX + 1], const char *name, size_t n)
{
	if (!n || n > SCENARIO_NAME_MAX)
		return false;
	memcpy(to, name, n);
	to[n] = '\0';
	return true;
}

/* "front", "front.time" */
static bool probe_metric_read(struct metric *m, const char *name, char error[ERROR_MAX])
{
	size_t n = strlen(name);

	m->kind = METRIC_PROBE;
	for (int i = METRIC_PROBE + 1; i < METRIC_KINDS; i++) {
		size_t tail = strlen(metrics[i].name);
		if (metrics[i].of_probe && n > tail && !strcmp(name + n - tail, metrics[i].name)) {
			m->kind = (enum metric_kind)i;
			n -= tail;
			break;
		}
	}
	if (name_put(m->probe, name, n))
		return true;
	return expected("the name of a probe, as in probe.NAME", n ? name : "probe.", "", error);
}

static bool metric_read(struct metric *m, const char *word, char error[ERROR_MAX])
{
	const char *colon = strrchr(word, ':'), *name = colon ? colon + 1 : word;

	*m = (struct metric){ .kind = METRIC_KINDS };
	if (!strncmp(word, "probe.", 6))
		return probe_metric_read(m, word + 6, error);
	for (int i = 0; i < METRIC_KINDS; i++)
		if (!metrics[i].of_probe && !strcmp(metrics[i].name, name))
			m->kind = (enum metric_kind)i;
	if (m->kind == METRIC_KINDS)
		return metric_unknown(name, error);
	if (!colon)
		return true;
	if (!metrics[m->kind].of_proxy) {
		error_format(error, "%s belongs to no proxy, expected no name before it", name);
		return false;
	}
	if (name_put(m->proxy, word, (size_t)(colon - word)))
		return true;
	return expected("the name of a proxy, as in db:connections", word, "", error);
}

static bool name_known(const char *what, const char *name, size_t n, const char *const *all,
                       char error[ERROR_MAX])
{
	char known[150] = "", shown[48], meant[SUGGEST_MAX];
	struct name_list list = { known, sizeof known, 0 };
	struct suggestion near = { .word = name };

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(all[i], name))
			return true;
		suggest_try(&near, all[i]);
		name_list_add(&list, all[i]);
	}
	name_list_end(&list, "the settings");
	text_printable(name, shown, sizeof shown);
	if (n)
		error_format(error, "there is no %s '%s'; expected one of %s%s", what, shown, known,
		             suggest_show(&near, "", meant));
	else
		error_format(error, "there is no %s '%s', and no other", what, shown);
	return false;
}

bool metric_check(const struct metric *m, const struct metric_names *names, char error[ERROR_MAX])
{
	if (*m->proxy &&
	    !name_known("proxy", m->proxy, names->n_proxies, names->proxies, error))
		return false;
	return !*m->probe || !names->probes ||
	       name_known("probe", m->probe, names->n_probes, names->probes, error);
}

/* ---- terms ---- */

static bool operator_read(struct term *t, const char **at, char error[ERROR_MAX])
{
	char word[WORD_MAX], metric[2 * SCENARIO_NAME_MAX + 32];

	take(at, word);
	for (size_t i = 0; i < OPERATORS; i++)
		if (!strcmp(operators[i], word)) {
			t->compare = (enum compare)i;
			return true;
		}
	return expected("one of = != < <= > >=", word,
	                *word ? "" : metric_show(&t->metric, metric, sizeof metric), error);
}

static bool outcome_read(double *value, const char *word, char error[ERROR_MAX])
{
	char meant[SUGGEST_MAX];
	struct suggestion near = { .word = word };

	for (int i = 0; i <= OUTCOME_DOWN; i++) {
		if (!strcmp(outcome_names[i], word)) {
			*value = i;
			return true;
		}
		suggest_try(&near, outcome_names[i]);
	}
	return expected("ok, slow, error, timeout or down", word, suggest_show(&near, "", meant),
	                error);
}

static bool number_read(double *value, const char *word, char error[ERROR_MAX])
{
	char *end;

	*value = strtod(word, &end);
	if (end != word && !*end && isfinite(*value))
		return true;
	return expected("a number", word, "", error);
}

static bool value_read(struct term *t, const char **at, char error[ERROR_MAX])
{
	char word[WORD_MAX];

	if (!*take(at, word))
		return expected("a value", word, operators[t->compare], error);
	switch (metrics[t->metric.kind].type) {
	case METRIC_OUTCOME:
		return outcome_read(&t->value, word, error);
	case METRIC_DURATION:
		return span_read(&t->span, word) ||
		       expected("a time, such as 250ms or 2s", word, "", error);
	case METRIC_NUMBER:
		break;
	}
	return number_read(&t->value, word, error);
}

/* "for 3s", "within 10s", of which the word is already taken. */
static bool time_read(struct span *span, const char *key, const char **at, char error[ERROR_MAX])
{
	char word[WORD_MAX];

	take(at, word);
	return span_read(span, word) ||
	       expected("a time, such as 250ms or 2s", word, *word ? "" : key, error);
}

static bool term_read(struct term *t, const char **at, char error[ERROR_MAX])
{
	char word[WORD_MAX];

	*t = (struct term){ 0 };
	return metric_read(&t->metric, take(at, word), error) && operator_read(t, at, error) &&
	       value_read(t, at, error) &&
	       (!taken(at, "for") || time_read(&t->lasts, "for", at, error));
}

static bool all_taken(const char *at, const char *what, char error[ERROR_MAX])
{
	char word[WORD_MAX];

	return !*take(&at, word) || expected(what, word, "", error);
}

bool condition_read(struct condition *c, const char *text, char error[ERROR_MAX])
{
	c->n = 0;
	do {
		if (c->n == CONDITION_TERMS_MAX) {
			error_format(error, "expected at most %d terms", CONDITION_TERMS_MAX);
			return false;
		}
		if (!term_read(&c->terms[c->n++], &text, error))
			return false;
	} while (taken(&text, "and"));
	return all_taken(text, "'for', 'and' or the end", error);
}

bool assertion_read(struct assertion *a, const char *text, char error[ERROR_MAX])
{
	*a = (struct assertion){ .mode = ASSERT_ALWAYS };
	for (int i = 0; i <= ASSERT_FINALLY; i++)
		if (taken(&text, modes[i])) {
			a->mode = (enum assertion_mode)i;
			break;
		}
	if (!term_read(&a->term, &text, error))
		return false;
	if ((a->has_within = taken(&text, "within")) &&
	    !time_read(&a->within, "within", &text, error))
		return false;
	if (a->has_within && a->mode == ASSERT_FINALLY) {
		error_format(error, "'finally' is judged when the phase ends, "
		             "expected no 'within'");
		return false;
	}
	return all_taken(text, a->has_within ? "the end" : "'for', 'within' or the end", error);
}

/* ---- looks ---- */

static bool compared(enum compare how, double a, double b)
{
	switch (how) {
	case COMPARE_EQUAL:     return a == b;
	case COMPARE_DIFFERENT: return a != b;
	case COMPARE_LESS:      return a < b;
	case COMPARE_AT_MOST:   return a <= b;
	case COMPARE_MORE:      return a > b;
	case COMPARE_AT_LEAST:  return a >= b;
	}
	return false;
}

struct glance {                         /* one look at one term */
	const struct span_times *times;
	double since, now;
	metric_get *metric;
	void *user;
	bool known;                     /* the metric had a value ... */
	double value;                   /* ... this one */
};

/* Does the term hold, and has it for as long as it says? *held is since when; < 0: it does not. */
static bool term_look(const struct term *t, struct glance *glance, double *held)
{
	double value = t->value;

	if (metrics[t->metric.kind].type == METRIC_DURATION)
		value = span_seconds(&t->span, glance->times);
	glance->known = glance->metric(glance->user, &t->metric, glance->since, glance->now,
	                               &glance->value);
	if (!glance->known || !compared(t->compare, glance->value, value)) {
		*held = -1;
		return false;
	}
	if (*held < 0)
		*held = glance->now;
	return glance->now - *held >= span_seconds(&t->lasts, glance->times) - EPSILON;
}

void condition_begin(struct condition_state *state)
{
	for (size_t i = 0; i < CONDITION_TERMS_MAX; i++)
		state->held[i] = -1;
}

bool condition_look(struct condition_state *state, const struct condition *c,
                    const struct span_times *times, double since, double now,
                    metric_get *metric, void *user)
{
	struct glance glance = { times, since, now, metric, user, false, 0 };
	bool holds = true;

	for (size_t i = 0; i < c->n; i++)
		holds &= term_look(&c->terms[i], &glance, &state->held[i]);
	return holds;
}

void assertion_begin(struct assertion_state *state)
{
	*state = (struct assertion_state){ .held = -1, .verdict = ASSERT_OPEN };
}

static enum assertion_verdict decide(struct assertion_state *state, bool holds, double now)
{
	state->verdict = holds ? ASSERT_HOLDS : ASSERT_FAILS;
	state->decided = now;
	return state->verdict;
}

/* Does this look count? Of `always`: from `within` and `for` after the beginning; of `ever`: up to
 * `within` after it. The last look of a phase counts for all but `ever`. */
static bool look_counts(const struct assertion *a, const struct glance *glance, bool last)
{
	double passed = glance->now - glance->since;
	double within = a->has_within ? span_seconds(&a->within, glance->times) : 0;
	double lasts = span_seconds(&a->term.lasts, glance->times);

	if (a->mode == ASSERT_EVER)
		return !a->has_within || passed <= within + EPSILON;
	return last || (a->mode == ASSERT_ALWAYS && passed >= fmax(within, lasts) - EPSILON);
}

enum assertion_verdict assertion_look(struct assertion_state *state, const struct assertion *a,
                                      const struct span_times *times, double since, double now,
                                      bool last, metric_get *metric, void *user)
{
	struct glance glance = { times, since, now, metric, user, false, 0 };

	if (state->verdict != ASSERT_OPEN)
		return state->verdict;
	bool holds = term_look(&a->term, &glance, &state->held);
	bool counts = look_counts(a, &glance, last);

	if (counts && glance.known) {
		state->known = true;
		state->seen = glance.value;
	}
	if (a->mode == ASSERT_EVER && (holds || !counts || last))
		return decide(state, holds && counts, now);
	if (a->mode == ASSERT_ALWAYS && counts && glance.known && !holds)
		return decide(state, false, now);
	if (!last)
		return ASSERT_OPEN;
	return decide(state, a->mode == ASSERT_FINALLY ? holds : state->known, now);
}
