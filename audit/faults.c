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
#include "spec/registry.h"
#include "net/address.h"
#include "net/cidr.h"

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

/* When to stop waiting for the API. A run that has ended waits 2 s for all that it takes back. */
static double wait_until(struct faults *f, double most)
{
	if (!f->run->how)
		return most;
	if (!f->calm_until)
		f->calm_until = poller_now() + CALM_MOST;
	return most < f->calm_until ? most : f->calm_until;
}

/* Waits for the answer: as long as the API may take, see wait_until(). The status; 0: no answer. */
static long ask(struct faults *f, const char *method, const char *path, json_t *body,
                json_t **reply)
{
	struct answer *a = xcalloc(1, sizeof *a);
	struct run *run = f->run;
	double most = poller_now() + API_SILENT + 1;

	api_send(&run->api, method, path, body, answered, a);
	while (!a->done && poller_now() < (most = wait_until(f, most)))
		poller_round(&run->poller, most);
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

/* The experiment acts on this proxy, too. */
static void note_aim(struct faults *f, const char *proxy)
{
	int number = proxy ? record_find_proxy(&f->run->record, proxy) : -1;

	for (size_t i = 0; i < f->record->aimed.n; i++)
		if (f->record->aimed.at[i] == (unsigned)number)
			return;
	if (number >= 0)
		*ROWS_ADD(&f->record->aimed) = (unsigned)number;
}

/* What the API did not take: the experiment is inconclusive. */
static void refuse(struct faults *f, const char *what, const char *text, const json_t *reply)
{
	char why[ERROR_MAX];

	if (f->run->how || f->refused)
		return;
	f->refused = true;
	f->record->why = xasprintf("the %s '%s' was rejected: %s", what, text,
	                           api_sentence(reply, why));
}

/* ---- rules ---- */

static bool rule_of_port(const char *words)
{
	char *name = xstrndup(words, strcspn(words, " "));
	const struct vn_behavior *b = behavior_find(name);

	free(name);
	return b && b->on & VN_ON_LISTEN;
}

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
	char *path = api_path(proxy, "rules", NULL);
	struct phase_record *phase = phase_last(f);
	json_t *reply = NULL;

	if (phase)
		*ROWS_ADD(&phase->rules) = xstrdup(words);
	long status = ask(f, "POST", path, rule_body(name, words, ttl), &reply);
	note_aim(f, proxy);
	f->record->of_port |= rule_of_port(words);
	if (status == 200 || status == 201)
		note_on(f);
	else
		refuse(f, "rule", words, reply);
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

/* Connections that a deed has ended were struck, as if by a rule. */
static void struck_note(struct faults *f, const char *proxy, const char *how, uint64_t ended)
{
	int number = record_find_proxy(&f->run->record, proxy);

	f->record->hits += ended;
	if (number < 0 || !ended)
		return;
	struct seen_fault *seen = ROWS_ADD(&f->run->record.proxies.at[number].faults);
	seen->time = poller_now();
	snprintf(seen->behavior, sizeof seen->behavior, "%s", how);
}

/* Is it a connection of --only-client? */
static bool client_meant(const struct faults *f, const json_t *connection)
{
	const char *only = option_values(f->run->options)->only_client;
	const char *client = json_string_value(json_object_get(connection, "client"));
	struct network network;
	struct address address;
	struct endpoint endpoint;
	char error[ERROR_MAX];

	if (!only)
		return true;
	if (!client || !network_read(&network, only) ||
	    !address_parse(&address, client, error, sizeof error))
		return false;
	bool meant = address_numeric(&address, false, &endpoint) &&
	             network_contains(&network, &endpoint);
	address_free(&address);
	return meant;
}

static uint64_t connection_end(struct faults *f, const char *proxy, uint64_t number,
                               const char *how)
{
	char text[24], *path, *full;

	snprintf(text, sizeof text, "%" PRIu64, number);
	path = api_path("proxies", proxy, "connections", text, NULL);
	full = xasprintf("%s%s%s", path, *how ? "?how=" : "", how);
	long status = ask(f, "DELETE", full, NULL, NULL);
	free(full);
	free(path);
	return status == 200;
}

/* End those of --only-client that were there at `before`. Returns how many. */
static uint64_t some_end(struct faults *f, const char *proxy, const char *how, double before)
{
	int number = record_find_proxy(&f->run->record, proxy);
	char *path = api_path("proxies", proxy, "connections", NULL), *full;
	json_t *reply = NULL, *one;
	uint64_t ended = 0;
	size_t i;

	full = xasprintf("%s?limit=100000", path);
	ask(f, "GET", full, NULL, &reply);
	json_array_foreach(json_object_get(reply, "connections"), i, one) {
		uint64_t id = count_at(one, "connection");
		const struct seen_connection *c = number < 0 ? NULL :
			record_connection(&f->run->record.proxies.at[number], id);
		if (client_meant(f, one) && (!c || c->opened <= before))
			ended += connection_end(f, proxy, id, how);
	}
	json_decref(reply);
	free(full);
	free(path);
	return ended;
}

static void connections_end(struct faults *f, const char *proxy, const char *how)
{
	char *path = api_path("proxies", proxy, "connections", NULL), *full;
	json_t *reply = NULL;
	uint64_t ended;

	full = xasprintf("%s%s%s", path, *how ? "?how=" : "", how);
	if (option_values(f->run->options)->only_client) {
		ended = some_end(f, proxy, how, poller_now());
	} else {
		ask(f, "DELETE", full, NULL, &reply);
		ended = count_at(reply, "ended");
	}
	struck_note(f, proxy, *how ? how : "close", ended);
	json_decref(reply);
	free(full);
	free(path);
}

/* A script names only proxies of the record: it is made for them. */
static size_t number_of(const struct faults *f, const char *proxy)
{
	int number = record_find_proxy(&f->run->record, proxy);

	assert(number >= 0);
	return (size_t)number;
}

/* Connections lead there from now on. False: the API did not take it. */
static bool backend_put(struct faults *f, const char *proxy, const char *path, const char *to)
{
	char **now = &f->run->proxies[number_of(f, proxy)].backend, *before = *now;
	json_t *reply = NULL;

	*now = xstrdup(to);             /* the event may be here before the answer */
	bool good = ask(f, "PUT", path, json_pack("{s:s}", "backend", to), &reply) == 200;
	if (!good)
		refuse(f, "backend", to, reply);
	free(before);
	json_decref(reply);
	return good;
}

/* The proxies of an own Vaurien end with the auditor: only others are kept in mind. */
static bool backend_note(struct faults *f, const char *proxy, const char *path, const char *to)
{
	const char *first = f->run->record.proxies.at[number_of(f, proxy)].backend;

	if (f->run->own.pid || keeper_note(&f->run->keeper, &f->run->api, path, first))
		return true;
	json_t *why = json_string("no process can be started that would give it back");
	refuse(f, "backend", to, why);
	json_decref(why);
	return false;
}

static void backend_move(struct faults *f, const char *proxy, const char *to)
{
	char *path = api_path(proxy, "backend", NULL);

	if (backend_note(f, proxy, path, to))
		backend_put(f, proxy, path, to);
	free(path);
}

static void backend_give_back(struct faults *f, const char *proxy)
{
	const char *first = f->run->record.proxies.at[number_of(f, proxy)].backend;
	char *path = api_path(proxy, "backend", NULL);

	if (backend_put(f, proxy, path, first))
		keeper_forget(&f->run->keeper, path);
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
	text = xasprintf("%s%s%.*s", act_names[act->kind], *act->text ? " " : "",
	                 act->kind == ACT_RUN ? (int)strcspn(act->text, " ") : 200, act->text);
	*ROWS_ADD(&phase->does) = text;
}

static void act(void *user, const struct act *act)
{
	struct faults *f = user;

	deed_note(f, act);
	note_aim(f, act->proxy);
	switch (act->kind) {
	case ACT_CLOSE:        connections_end(f, act->proxy, ""); break;
	case ACT_RESET:        connections_end(f, act->proxy, "reset"); break;
	case ACT_BACKEND:      backend_move(f, act->proxy, act->text); break;
	case ACT_BACKEND_BACK: backend_give_back(f, act->proxy); break;
	case ACT_RESET_OLD:    some_end(f, act->proxy, "reset", act->before); return;
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
	if (!report->held)
		to->why = xasprintf("%s at %.1f s", report->seen, report->at - phase->begun);
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
