/* faults.c - carries out what a scenario calls for. */
#include "audit/faults.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "audit/metric.h"
#include "base/memory.h"

#define CALM_MOST 2.0                   /* seconds that a run which has ended waits for the API */
#define RUN_MOST  30.0                  /* seconds of a command of `do = run` */

struct deed_run {                       /* a command */
	struct faults *faults;
	struct process process;
	struct poll_timer limit;
	unsigned number;
	struct deed_run *next;
};

/* ---- the API ---- */

struct answer { bool done, unwanted; long status; json_t *reply; };

static void answered(void *user, long status, const json_t *reply)
{
	struct answer *a = user;

	if (a->unwanted) {
		free(a);
		return;
	}
	a->done = true;
	a->status = status;
	a->reply = json_incref((json_t *)reply);
}

/* Waits for the answer: as long as the API may take, and 2 s if the run has ended. The status; 0:
 * no answer. */
static long ask(struct faults *f, const char *method, const char *path, json_t *body,
                json_t **reply)
{
	struct answer *a = xcalloc(1, sizeof *a);
	struct run *run = f->run;
	double most = poller_now() + API_SILENT + 1;

	api_send(&run->api, method, path, body, answered, a);
	while (!a->done && poller_now() < most) {
		if (run->how && most > poller_now() + CALM_MOST)
			most = poller_now() + CALM_MOST;
		poller_round(&run->poller, most);
	}
	long status = a->status;
	if (reply)
		*reply = a->reply;
	else
		json_decref(a->reply);
	if (a->done)
		free(a);
	else
		a->unwanted = true;     /* the answer frees it */
	if (run->api.lost)
		run_end(run, "api_lost", "%s", run->api.why);
	return status;
}

static void note_on(struct faults *f)
{
	struct experiment *e = f->record;
	bool fault = e->phases.n && e->phases.at[e->phases.n - 1].fault;

	if (f->first_on < 0 && fault)
		f->first_on = poller_now();
}

static struct phase_record *phase_last(struct faults *f)
{
	return f->record->phases.n ? &f->record->phases.at[f->record->phases.n - 1] : NULL;
}

/* ---- rules ---- */

/* "error failure=deadlock every=3" as the body of a request. */
static json_t *rule_body(const char *name, const char *words, double ttl)
{
	json_t *body = json_pack("{s:s, s:o}", "name", name, "ttl", json_sprintf("%.0fs", ttl));
	char error[ERROR_MAX] = "", *word;

	while ((word = word_next(&words, error))) {
		char *equals = strchr(word, '=');
		if (equals)
			*equals = 0;
		json_object_set_new(body, equals ? word : "behavior",
		                    json_string(equals ? equals + 1 : word));
		free(word);
	}
	return body;
}

static void put_rule(void *user, const char *proxy, const char *name, const char *words, double ttl)
{
	struct faults *f = user;
	char *path = api_path(proxy, "rules", NULL), why[ERROR_MAX];
	struct phase_record *phase = phase_last(f);
	json_t *reply = NULL;

	if (phase)
		*ROWS_ADD(&phase->rules) = xstrdup(words);
	long status = ask(f, "POST", path, rule_body(name, words, ttl), &reply);
	if (status == 200 || status == 201)
		note_on(f);
	else if (!f->run->how && !f->refused) {
		f->refused = true;
		if (asprintf(&f->record->why, "the rule '%s' was rejected: %s", words,
		             api_sentence(reply, why)) < 0)
			memory_out();
	}
	json_decref(reply);
	free(path);
}

static void renewed(void *user, long status, const json_t *reply)
{
	struct run *run = user;

	if (status == 404)
		run_end(run, "changed_by_others", "a rule of the audit was removed by others");
}

static void renew_rule(void *user, const char *proxy, const char *name, double ttl)
{
	struct faults *f = user;
	char *path = api_path(proxy, "rules", name, NULL);

	api_send(&f->run->api, "PUT", path, json_pack("{s:o}", "ttl", json_sprintf("%.0fs", ttl)),
	         renewed, f->run);
	free(path);
}

static uint64_t count_at(const json_t *rule, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(rule, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* Its counts are read just before, and what it hits in between is in its last answer. */
static void remove_rule(void *user, const char *proxy, const char *name)
{
	struct faults *f = user;
	char *path = api_path(proxy, "rules", name, NULL);
	json_t *rule = NULL, *last = NULL;
	long status = ask(f, "GET", path, NULL, &rule);

	long removed = ask(f, "DELETE", path, NULL, &last);
	const json_t *counts = json_object_get(last, "hits") ? last : rule;
	f->record->hits += count_at(counts, "hits");
	f->record->unreachable += count_at(counts, "unreachable");
	if (status == 404 && removed == 404 && !f->run->how)
		run_end(f->run, "changed_by_others", "a rule of the audit was removed by others");
	f->last_off = poller_now();
	json_decref(rule);
	json_decref(last);
	free(path);
}

/* ---- deeds ---- */

static void connections_end(struct faults *f, const char *proxy, const char *how)
{
	char *path = api_path("proxies", proxy, "connections", NULL), *full;
	int n = asprintf(&full, "%s%s", path, how);

	assert(n > 0);
	ask(f, "DELETE", full, NULL, NULL);
	free(full);
	free(path);
}

/* The connections that were there at `before`, and still are. */
static void reset_old(struct faults *f, const char *proxy, double before)
{
	int number = record_find_proxy(&f->run->record, proxy);
	struct seen_proxy *p = number < 0 ? NULL : &f->run->record.proxies.at[number];

	for (size_t i = 0; p && i < p->connections.n; i++) {
		const struct seen_connection *c = &p->connections.at[i];
		char text[24], *path, *full;
		if (c->closed >= 0 || c->opened > before)
			continue;
		snprintf(text, sizeof text, "%" PRIu64, c->number);
		path = api_path("proxies", proxy, "connections", text, NULL);
		int n = asprintf(&full, "%s?how=reset", path);
		assert(n > 0);
		ask(f, "DELETE", full, NULL, NULL);
		free(full);
		free(path);
	}
}

static void backend_move(struct faults *f, const char *proxy, const char *to)
{
	int number = record_find_proxy(&f->run->record, proxy);
	char *path = api_path(proxy, "backend", NULL);

	if (!to && number >= 0)
		to = f->run->record.proxies.at[number].backend;
	if (number >= 0) {
		free(f->run->proxies[number].backend);
		f->run->proxies[number].backend = xstrdup(to);
	}
	ask(f, "PUT", path, json_pack("{s:s}", "backend", to), NULL);
	free(path);
}

static void run_gone(struct deed_run *r, int code)
{
	struct deed_run **at = &r->faults->runs;
	struct faults *f = r->faults;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	poller_stop(&f->run->poller, &r->limit);
	process_clear(&r->process);
	phases_ran(f->phases, r->number, code, poller_now());
	free(r);
}

static void run_ended(struct process *p)
{
	struct deed_run *r = (struct deed_run *)((char *)p - offsetof(struct deed_run, process));

	run_gone(r, WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 128 + WTERMSIG(p->status));
}

static void run_late(struct poll_timer *t)
{
	struct deed_run *r = (struct deed_run *)((char *)t - offsetof(struct deed_run, limit));

	process_kill(&r->process);
	run_gone(r, 124);               /* as timeout(1) */
}

static void command_run(struct faults *f, const struct act *act)
{
	struct deed_run *r = xcalloc(1, sizeof *r);
	char error[ERROR_MAX];

	r->faults = f;
	r->number = act->run;
	r->process.ended = run_ended;
	r->limit.fire = run_late;
	r->next = f->runs;
	f->runs = r;
	poller_set(&f->run->poller, &r->limit, poller_now() + RUN_MOST);
	if (!process_shell(&r->process, act->text, f->run->environment, error))
		run_gone(r, 127);
}

static const char *const act_names[] = {
	[ACT_CLOSE] = "close", [ACT_RESET] = "reset", [ACT_BACKEND] = "backend",
	[ACT_RUN] = "run", [ACT_MARK] = "mark",
};

static void deed_note(struct faults *f, const struct act *act)
{
	struct phase_record *phase = phase_last(f);
	char *text;

	if (!phase || act->kind > ACT_MARK)
		return;
	/* A command may hold a secret: only its first word is shown. */
	int n = asprintf(&text, "%s%s%.*s", act_names[act->kind], *act->text ? " " : "",
	                 act->kind == ACT_RUN ? (int)strcspn(act->text, " ") : 200, act->text);
	assert(n > 0);
	*ROWS_ADD(&phase->does) = text;
}

static void act(void *user, const struct act *act)
{
	struct faults *f = user;

	deed_note(f, act);
	switch (act->kind) {
	case ACT_CLOSE:        connections_end(f, act->proxy, ""); break;
	case ACT_RESET:        connections_end(f, act->proxy, "?how=reset"); break;
	case ACT_BACKEND:      backend_move(f, act->proxy, act->text); break;
	case ACT_BACKEND_BACK: backend_move(f, act->proxy, NULL); break;
	case ACT_RESET_OLD:    reset_old(f, act->proxy, act->before); return;
	case ACT_RUN:          command_run(f, act); return;
	case ACT_MARK:
		ask(f, "POST", "/marks", json_pack("{s:s}", "text", act->text), NULL);
		return;
	}
	if (act->kind == ACT_BACKEND_BACK)
		f->last_off = poller_now();
	else
		note_on(f);
}

/* ---- what the machine reports ---- */

static bool metric(void *user, const struct metric *m, double since, double now, double *value)
{
	const struct faults *f = user;

	return metric_value(&f->run->record, m, since, now, value);
}

static struct phase_record *phase_named(struct faults *f, const char *name)
{
	for (size_t i = f->record->phases.n; i-- > 0; )
		if (!strcmp(f->record->phases.at[i].name, name))
			return &f->record->phases.at[i];
	return NULL;
}

static void began(void *user, const struct phase_report *report)
{
	struct faults *f = user;

	experiment_phase(f->record, report->name, report->faulty)->begun = report->begun;
}

static void ended(void *user, const struct phase_report *report)
{
	struct phase_record *phase = phase_named(user, report->name);

	if (phase)
		phase->ended = poller_now();
}

static void expectation(void *user, const struct expect_report *report)
{
	struct phase_record *phase = phase_named(user, report->phase);
	struct expect_record *to = phase ? ROWS_ADD(&phase->expectations) : NULL;

	if (!to)
		return;
	to->text = xstrdup(report->text);
	to->held = report->held;
	if (!report->held && asprintf(&to->why, "%s at %.1f s", report->seen,
	                              report->at - phase->begun) < 0)
		memory_out();
}

const struct phases_calls faults_calls = {
	{ put_rule, renew_rule, remove_rule }, act, metric, began, ended, expectation,
};

void faults_begin(struct faults *f, struct run *run, struct experiment *e)
{
	*f = (struct faults){ .run = run, .record = e, .first_on = -1, .last_off = -1 };
}

void faults_end(struct faults *f)
{
	while (f->runs) {
		process_kill(&f->runs->process);
		run_gone(f->runs, 130);
	}
}
