/* scenario_read.c - reads scenarios from INI files.
 *
 * A key is a row of a table: it names the function that takes its value. */
#include "audit/scenario_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/scenario_rule.h"
#include "base/memory.h"
#include "config/error.h"
#include "config/ini.h"
#include "net/address.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"

enum { REPEAT_MAX = 1000, KEYS_MAX = 32 };

struct reader {
	struct scenarios *all;
	bool built_in;
	size_t first;                   /* of this file, and of those that it extends */
	struct scenario *scenario;      /* the one above; NULL: none yet */
	bool hidden;                    /* ... and a nearer file has one of its name */
	struct phase *phase;            /* NULL: keys are the scenario's */
	int depth;
	int seen[KEYS_MAX];             /* of this section: the line of each key, by its row */
};

/* ---- values ---- */

static bool text_take(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
	return true;
}

static bool word_take(char **to, const char *value, char error[ERROR_MAX])
{
	if (*value && strlen(value) <= SCENARIO_NAME_MAX)
		return text_take(to, value);
	error_format(error, "expected a name of 1 to %d characters", SCENARIO_NAME_MAX);
	return false;
}

static bool span_take(bool *has, struct span *to, const char *value, char error[ERROR_MAX])
{
	char shown[48];

	*has = true;
	if (span_read(to, value))
		return true;
	error_format(error, "expected a time, such as 300ms, 2s, T or H, got '%s'",
	             text_printable(value, shown, sizeof shown));
	return false;
}

static bool count_take(unsigned *to, const char *value, char error[ERROR_MAX])
{
	char *end, shown[48];
	unsigned long n = strtoul(value, &end, 10);

	*to = (unsigned)n;
	if (*value >= '0' && *value <= '9' && !*end && n >= 1 && n <= REPEAT_MAX)
		return true;
	error_format(error, "expected a number from 1 to %d, got '%s'", REPEAT_MAX,
	             text_printable(value, shown, sizeof shown));
	return false;
}

/* One of the words, which end with NULL. False: `error` has what was expected. */
static bool choice_take(int *to, const char *const *words, const char *value,
                        char error[ERROR_MAX])
{
	char known[120] = "", shown[48], meant[SUGGEST_MAX];
	struct name_list list = { known, sizeof known, 0 };
	struct suggestion near = { .word = value };

	for (*to = 0; words[*to]; ++*to) {
		if (!strcmp(words[*to], value))
			return true;
		suggest_try(&near, words[*to]);
		name_list_add(&list, words[*to]);
	}
	name_list_end(&list, "docs/audit.md");
	error_format(error, "expected one of %s, got '%s'%s", known,
	             text_printable(value, shown, sizeof shown), suggest_show(&near, "", meant));
	return false;
}

static struct file_place place_of(const struct reader *r, const struct ini_line *line)
{
	return (struct file_place){ r->scenario->place.file, line->line };
}

/* ---- keys of a scenario ---- */

static bool take_question(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return text_take(&r->scenario->question, line->value);
}

static bool take_summary(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return text_take(&r->scenario->summary, line->value);
}

static bool take_group(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return text_take(&r->scenario->group, line->value);
}

static bool take_set(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	static const char *const sets[] = { "quick", "default", "all", "named", NULL };
	int set;
	bool good = choice_take(&set, sets, line->value, error);

	r->scenario->set = (enum scenario_set)set;
	return good;
}

static bool take_protocols(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	const char *at = line->value;
	char *word, shown[48], meant[SUGGEST_MAX];
	bool good = true, any = false;

	for (; good && (word = word_next(&at, error)); free(word)) {
		bool first_not = !any && !strcmp(word, "not");
		good = first_not || protocol_find(word);
		any = true;
		if (!good)
			error_format(error, "expected names of protocols, got '%s'%s",
			             text_printable(word, shown, sizeof shown),
			             protocol_suggest(word, meant));
	}
	if (good && !any)
		error_format(error, "expected names of protocols, such as: mysql postgres");
	return good && any && text_take(&r->scenario->protocols, line->value);
}

static bool take_needs(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	int kind;
	const char *words[16] = { NULL };

	for (size_t i = 0; i < 15 && rule_kinds[i].name; i++)
		words[i] = rule_kinds[i].name;
	return choice_take(&kind, words, line->value, error) &&
	       text_take(&r->scenario->needs, line->value);
}

static bool take_scenario_proxy(struct reader *r, const struct ini_line *line,
                                char error[ERROR_MAX])
{
	struct scenario *s = r->scenario;
	bool all = !strcmp(line->value, "all"), each = !strcmp(line->value, "each");

	s->spread = all ? SPREAD_ALL : each ? SPREAD_EACH : SPREAD_ONE;
	s->proxy_place = place_of(r, line);
	return all || each || word_take(&s->proxy, line->value, error);
}

static bool take_scenario_repeat(struct reader *r, const struct ini_line *line,
                                 char error[ERROR_MAX])
{
	return count_take(&r->scenario->repeat, line->value, error);
}

static bool take_cure(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	static const char *const cures[] = { "reconnect", NULL };
	int cure;

	r->scenario->reconnects = true;
	return choice_take(&cure, cures, line->value, error);
}

static bool take_recover_within(struct reader *r, const struct ini_line *line,
                                char error[ERROR_MAX])
{
	return span_take(&r->scenario->has_recover_within, &r->scenario->recover_within,
	                 line->value, error);
}

/* ---- keys of a phase ---- */

static bool take_rule(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	struct phase *p = r->phase;
	struct phase_rule rule;

	if (!phase_rule_read(&rule, line->value, error))
		return false;
	rule.place = place_of(r, line);
	p->rules = xrealloc(p->rules, (p->n_rules + 1) * sizeof *p->rules);
	p->rules[p->n_rules++] = rule;
	return true;
}

static bool take_for(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return span_take(&r->phase->timed, &r->phase->lasts, line->value, error);
}

static bool take_after(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return span_take(&r->phase->has_after, &r->phase->after, line->value, error);
}

static bool take_at(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return span_take(&r->phase->has_at, &r->phase->at, line->value, error);
}

static bool take_within(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return span_take(&r->phase->has_within, &r->phase->within, line->value, error);
}

static bool take_until(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	r->phase->until = xcalloc(1, sizeof *r->phase->until);
	r->phase->until_place = place_of(r, line);
	text_take(&r->phase->until_text, line->value);
	return condition_read(r->phase->until, line->value, error);
}

static bool take_when(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	r->phase->when = xcalloc(1, sizeof *r->phase->when);
	r->phase->when_place = place_of(r, line);
	text_take(&r->phase->when_text, line->value);
	return condition_read(r->phase->when, line->value, error);
}

static bool take_meanwhile(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	char shown[48];

	if (text_to_bool(line->value, &r->phase->meanwhile))
		return true;
	error_format(error, "expected true or false, got '%s'",
	             text_printable(line->value, shown, sizeof shown));
	return false;
}

static bool take_use(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	r->phase->use_place = place_of(r, line);
	return word_take(&r->phase->use, line->value, error);
}

static bool take_phase_repeat(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	return count_take(&r->phase->repeat, line->value, error);
}

static bool take_phase_proxy(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	r->phase->proxy_place = place_of(r, line);
	return word_take(&r->phase->proxy, line->value, error);
}

const char *const deed_names[] = {
	[DEED_CLOSE] = "close", [DEED_RESET] = "reset", [DEED_DISABLE] = "disable",
	[DEED_ENABLE] = "enable", [DEED_BACKEND] = "backend", [DEED_RUN] = "run",
	[DEED_MARK] = "mark", NULL
};

static bool deed_read(struct deed *deed, const char *value, char error[ERROR_MAX])
{
	static const char *const texts[] = {
		[DEED_BACKEND] = "HOST:PORT", [DEED_RUN] = "COMMAND", [DEED_MARK] = "TEXT",
	};
	const char *rest = value + strcspn(value, " \t");
	char *word = xstrndup(value, (size_t)(rest - value));
	int kind;
	bool good = choice_take(&kind, deed_names, word, error);

	free(word);
	if (!good)
		return false;
	rest += strspn(rest, " \t");
	deed->kind = (enum deed_kind)kind;
	if (texts[kind] ? !*rest : *rest) {
		error_format(error, "expected %s behind '%s'",
		             texts[kind] ? texts[kind] : "nothing", deed_names[kind]);
		return false;
	}
	deed->text = xstrdup(rest);
	return true;
}

static bool backend_check(const struct deed *deed, char error[ERROR_MAX])
{
	struct address address;

	if (deed->kind != DEED_BACKEND)
		return true;
	if (!address_parse(&address, deed->text, error, ERROR_MAX))
		return false;
	address_free(&address);
	return true;
}

static bool take_do(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	struct phase *p = r->phase;
	struct deed deed = { 0 };

	if (!deed_read(&deed, line->value, error) || !backend_check(&deed, error)) {
		free(deed.text);
		return false;
	}
	p->deeds = xrealloc(p->deeds, (p->n_deeds + 1) * sizeof *p->deeds);
	p->deeds[p->n_deeds++] = deed;
	return true;
}

static bool take_expect(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	struct phase *p = r->phase;
	struct phase_expect expect = { .place = place_of(r, line) };

	if (!assertion_read(&expect.assertion, line->value, error))
		return false;
	expect.text = xstrdup(line->value);
	p->expects = xrealloc(p->expects, (p->n_expects + 1) * sizeof *p->expects);
	p->expects[p->n_expects++] = expect;
	return true;
}

typedef bool take_key(struct reader *, const struct ini_line *, char error[ERROR_MAX]);

static const struct key_row {
	const char *name;
	take_key *take;
	bool many;
	bool plain;                     /* the sentence of an error has the key already */
} scenario_keys[] = {
	{ "question", take_question }, { "summary", take_summary }, { "group", take_group },
	{ "set", take_set }, { "protocols", take_protocols }, { "needs", take_needs },
	{ "proxy", take_scenario_proxy }, { "repeat", take_scenario_repeat },
	{ "cure", take_cure }, { "recover_within", take_recover_within }, { NULL },
}, phase_keys[] = {
	{ "rule", take_rule, .many = true, .plain = true }, { "for", take_for },
	{ "until", take_until }, { "after", take_after }, { "at", take_at },
	{ "when", take_when }, { "within", take_within }, { "meanwhile", take_meanwhile },
	{ "use", take_use }, { "repeat", take_phase_repeat }, { "proxy", take_phase_proxy },
	{ "do", take_do, .many = true }, { "expect", take_expect, .many = true }, { NULL },
};

static bool key_unknown(const struct key_row *rows, const struct ini_line *line,
                        char error[ERROR_MAX])
{
	char shown[48], section[48], meant[SUGGEST_MAX];
	struct suggestion near = { .word = line->key };

	for (; rows->name; rows++)
		suggest_try(&near, rows->name);
	error_format(error, "unknown key '%s' in section [%s]%s",
	             text_printable(line->key, shown, sizeof shown),
	             text_printable(line->section, section, sizeof section),
	             suggest_show(&near, "", meant));
	return false;
}

static bool key_take(struct reader *r, const struct ini_line *line, char error[ERROR_MAX])
{
	const struct key_row *rows = r->phase ? phase_keys : scenario_keys;
	char why[ERROR_MAX];
	int i = 0;

	while (rows[i].name && strcmp(rows[i].name, line->key))
		i++;
	if (!rows[i].name)
		return key_unknown(rows, line, error);
	if (r->seen[i] && !rows[i].many) {
		error_format(error, "%s: expected it once, it is in line %d already", rows[i].name,
		             r->seen[i]);
		return false;
	}
	r->seen[i] = line->line;
	if (rows[i].take(r, line, why))
		return true;
	error_format(error, "%s%s%s", rows[i].plain ? "" : rows[i].name, rows[i].plain ? "" : ": ",
	             why);
	return false;
}

/* ---- sections ---- */

/* Names are words of --faults, and parts of rules' and reports' names. */
static bool name_check(const char *name, char error[ERROR_MAX])
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	char shown[48];

	if (n && !name[n] && *name != '-')
		return true;
	error_format(error, "expected a name of letters, digits, - and _, got '%s'",
	             text_printable(name, shown, sizeof shown));
	return false;
}

static struct scenario *scenario_new(const char *name, const struct ini_line *line)
{
	struct scenario *s = xcalloc(1, sizeof *s);

	s->name = xstrdup(name);
	s->place = (struct file_place){ xstrdup(line->file), line->line };
	s->depth = line->depth;
	s->question = xstrdup("");
	s->summary = xstrdup("");
	s->group = xstrdup("");
	s->set = SET_NAMED;
	s->repeat = 1;
	return s;
}

static bool scenario_section(struct reader *r, const char *name, const struct ini_line *line,
                             char error[ERROR_MAX])
{
	struct scenarios *all = r->all;

	if (!name_check(name, error))
		return false;
	for (size_t i = 0; i < all->n; i++) {
		const struct scenario *s = all->at[i];
		if (s->built_in || strcmp(s->name, name) != 0)
			continue;
		r->hidden = i >= r->first && s->depth < line->depth;
		if (r->hidden)
			return true;
		error_format(error, "expected another name, [scenario:%s] is in %s:%d already",
		             name, s->place.file, s->place.line);
		return false;
	}
	r->hidden = false;
	r->scenario = scenario_new(name, line);
	r->scenario->built_in = r->built_in;
	all->at = xrealloc(all->at, (all->n + 1) * sizeof(void *));
	all->at[all->n++] = r->scenario;
	return true;
}

static bool phase_section(struct reader *r, const char *name, const struct ini_line *line,
                          char error[ERROR_MAX])
{
	struct scenario *s = r->scenario;

	if (r->hidden)
		return true;
	if (!s || r->depth != line->depth) {
		error_format(error, "expected a section [scenario:NAME] above [phase:%s]", name);
		return false;
	}
	if (!name_check(name, error))
		return false;
	for (size_t i = 0; i < s->n_phases; i++)
		if (!strcmp(s->phases[i].name, name)) {
			error_format(error, "expected another name, [phase:%s] of this scenario is "
			             "in line %d already", name, s->phases[i].place.line);
			return false;
		}
	s->phases = xrealloc(s->phases, (s->n_phases + 1) * sizeof *s->phases);
	r->phase = &s->phases[s->n_phases++];
	*r->phase = (struct phase){ .name = xstrdup(name), .place = place_of(r, line),
	                            .repeat = 1 };
	return true;
}

/* Sections of a configuration, which others read. */
static bool section_foreign(const char *section, char error[ERROR_MAX])
{
	static const char *const known[] = {
		"vaurien", "statsd", "audit", "DEFAULT", "proxy", "rule", "behavior", "protocol",
		"probe", "scenario", "phase", NULL
	};
	char *kind = xstrndup(section, strcspn(section, ":.")), meant[SUGGEST_MAX], shown[48];
	struct suggestion near = { .word = kind };
	size_t i = 0;

	for (; known[i] && strcmp(known[i], kind); i++)
		suggest_try(&near, known[i]);
	if (!*section)
		error_format(error, "expected a section, such as [scenario:NAME], above it");
	else if (!known[i])
		error_format(error, "unknown section [%s]; expected [scenario:NAME] or "
		             "[phase:NAME]%s", text_printable(section, shown, sizeof shown),
		             suggest_show(&near, "", meant));
	free(kind);
	return known[i];
}

static const char *section_name(const char *section, const char *kind)
{
	size_t n = strlen(kind);

	return !strncmp(section, kind, n) && section[n] == ':' ? section + n + 1 : NULL;
}

static bool line_take(void *user, const struct ini_line *line, char error[ERROR_MAX])
{
	struct reader *r = user;
	const char *scenario = section_name(line->section, "scenario");
	const char *phase = section_name(line->section, "phase");
	bool mine = scenario || phase;

	if (!strcmp(line->section, "scenario") || !strcmp(line->section, "phase")) {
		error_format(error, "expected a name, as in [%s:NAME]", line->section);
		return false;
	}
	if (!mine)
		return section_foreign(line->section, error);
	if (*line->key)
		return r->hidden || key_take(r, line, error);
	memset(r->seen, 0, sizeof r->seen);
	if (scenario) {
		r->phase = NULL;
		r->depth = line->depth;
		return scenario_section(r, scenario, line, error);
	}
	return phase_section(r, phase, line, error);
}

/* ---- checks of what was read ---- */

/* What is wrong with the phase as a whole; NULL: nothing. */
static const char *phase_mistake(const struct phase *p)
{
	if (p->n_rules && !p->timed)
		return "expected 'for' beside 'rule': no fault is without an end";
	if (p->use && p->n_rules)
		return "expected 'rule' or 'use', got both";
	if (p->use && p->timed)
		return "expected no 'for' beside 'use', which lasts as long as that scenario";
	if (p->until && !p->timed && !p->use)
		return "expected 'for' beside 'until', which may never hold";
	if (p->n_expects && !p->timed && !p->use)
		return "expected 'for' beside 'expect', which is judged until the phase ends";
	if (p->has_within && !p->when)
		return "expected 'when' beside 'within'";
	if (p->has_after && p->has_at)
		return "expected 'after' or 'at', got both";
	if (p->repeat > 1 && !p->use)
		return "expected 'use' beside 'repeat'";
	if (!p->timed && !p->use && !p->n_deeds)
		return "expected 'for', 'use' or 'do'";
	return NULL;
}

static int scenario_check(const struct scenario *s)
{
	const struct phase *last = s->n_phases ? &s->phases[s->n_phases - 1] : NULL;
	const char *mistake;

	if (!last)
		return value_error("%s:%d: [scenario:%s]: expected a [phase:NAME] below it",
		                   s->place.file, s->place.line, s->name);
	for (size_t i = 0; i < s->n_phases; i++)
		if ((mistake = phase_mistake(&s->phases[i])))
			return value_error("%s:%d: [phase:%s]: %s", s->phases[i].place.file,
			                   s->phases[i].place.line, s->phases[i].name, mistake);
	if (s->reconnects && !last->n_rules)
		return value_error("%s:%d: [phase:%s]: expected a 'rule' in the last phase, which "
		                   "'cure = reconnect' keeps until all is well", last->place.file,
		                   last->place.line, last->name);
	if (s->reconnects && s->repeat > 1)
		return value_error("%s:%d: [scenario:%s]: expected no 'repeat' beside "
		                   "'cure = reconnect'", s->place.file, s->place.line, s->name);
	return -1;
}

static int read_end(struct reader *r, int code)
{
	for (size_t i = r->first; code == -1 && i < r->all->n; i++)
		code = scenario_check(r->all->at[i]);
	return code;
}

int scenarios_read(struct scenarios *all, const char *file, size_t *n)
{
	struct reader r = { .all = all, .first = all->n };

	*n = 0;
	if (access(file, R_OK))
		return value_error("cannot read '%s': %s", file, strerror(errno));
	int code = read_end(&r, ini_read_sections(file, line_take, &r));
	*n = all->n - r.first;
	return code;
}

void scenarios_read_built_in(struct scenarios *all, const char *name, const char *text)
{
	struct reader r = { .all = all, .first = all->n, .built_in = true };

	if (read_end(&r, ini_read_text(name, text, line_take, &r)) != -1)
		abort();
}
