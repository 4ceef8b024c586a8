/* steps.c - the steps of a run in turn, from its check to its reports. */
#include "audit/steps.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/application.h"
#include "audit/baseline.h"
#include "audit/experiment.h"
#include "audit/finish.h"
#include "audit/own.h"
#include "audit/plan.h"
#include "base/memory.h"
#include "base/text.h"

static struct run *the_run;             /* for signals: there is one */

/* The first one ends the run in order. A second one ends it at once, and the leases what it
 * left. */
static void stopped(int number)
{
	struct run *run = the_run;

	if (run->signal) {
		processes_free();
		own_forget(run);
		_exit(128 + run->signal);
	}
	run->signal = number;
	run_end(run, "interrupted", "interrupted by %s", number == SIGINT ? "SIGINT" :
	        number == SIGTERM ? "SIGTERM" : "SIGHUP");
	run->how = "interrupted";       /* a signal has precedence */
}

/* ---- 1. check ---- */

struct names { struct run *run; const char *probe, *word; };

static bool proxy_known(void *user, const char *name)
{
	const struct names *n = user;
	struct run *run = n->run;
	struct suggestion near = { .word = name };
	char meant[SUGGEST_MAX], text[400] = "";
	struct name_list known = { text, sizeof text, 0 };

	if (!strcmp(name, "none") && !strcmp(n->word, "asks"))
		return true;
	if (record_find_proxy(&run->record, name) >= 0)
		return true;
	for (size_t i = 0; i < run->record.proxies.n; i++) {
		suggest_try(&near, run->record.proxies.at[i].name);
		name_list_add(&known, run->record.proxies.at[i].name);
	}
	name_list_end(&known, "vaurienctl list");
	run_end(run, "usage", "probe %s: %s: expected one of the proxies %s, got '%.60s'%s",
	        n->probe, n->word, text, name, suggest_show(&near, "", meant));
	return false;
}

/* The proxies that the probes name must be there. False: one is not. */
static bool probes_named(struct run *run)
{
	for (size_t i = 0; i < run->options->n_probes; i++) {
		const struct probe_words *w = &run->options->probes[i];
		const struct probe_values *v = probe_values(w);
		struct names names = { run, w->name, "asks" };
		if (v->asks)
			list_each(v->asks, proxy_known, &names);
		names.word = "expect";
		if (!strncmp(v->expect, "works:", 6))
			list_each(v->expect + 6, proxy_known, &names);
	}
	return !run->how;
}

static void probes_record(struct run *run)
{
	const struct option_values *o = option_values(run->options);

	for (size_t i = 0; i < run->options->n_probes; i++) {
		const struct probe_words *w = &run->options->probes[i];
		const struct probe_values *v = probe_values(w);
		char *what = probe_words_what(w);
		unsigned number = record_add_probe(&run->record, w->name, what, v->command);
		struct seen_probe *p = &run->record.probes.at[number];
		free(what);
		p->every = seconds_of(v->every ? v->every : o->probe_every);
		p->timeout = seconds_of(v->timeout ? v->timeout : o->probe_timeout);
		p->expect = xstrdup(v->expect);
	}
	probes_init(&run->probers, &run->poller, &run->record, run->options->probes,
	            run->options->n_probes, seconds_of(o->probe_every),
	            seconds_of(o->probe_timeout));
}

/* Before own proxies are started, their plan is made of what the options say, so that a mistake
 * starts nothing. */
static void proxies_expected(struct run *run)
{
	const struct settings *s = &run->options->settings;

	run->proxies = xcalloc(s->n_proxies, sizeof *run->proxies);
	for (size_t i = 0; i < s->n_proxies; i++) {
		const struct spec *p = s->proxies[i];
		record_add_proxy(&run->record, p->name, p->protocol->name, p->listen.text,
		                 p->backend.text);
		run->proxies[i].vanishes = true;
		run->proxies[i].tls = p->client_tls;
	}
}

static void record_begin(struct run *run)
{
	const struct option_values *v = option_values(run->options);

	record_init(&run->record);
	run->record.limits = (struct record_limits){
		seconds_of(v->recover_within), seconds_of(v->give_up), seconds_of(v->aftermath),
	};
}

static void record_end(struct run *run)
{
	for (size_t i = 0; i < run->record.proxies.n && run->proxies; i++) {
		free(run->proxies[i].backend);
		free(run->proxies[i].rules);
	}
	free(run->proxies);
	run->proxies = NULL;
	probes_free(&run->probers);
	plan_free(run);
	run->plan = NULL;
	run->n_plan = 0;
	run->scenario_proxies = NULL;
	run->probe_names = NULL;
	record_free(&run->record);
}

/* False: something is wrong. The record is as before. */
static bool rehearse(struct run *run)
{
	record_begin(run);
	proxies_expected(run);
	if (option_values(run->options)->only)
		own_only(run);
	if (!run->how)
		probes_record(run);
	if (!run->how && probes_named(run) && plan_experiments(run) &&
	    option_values(run->options)->plan)
		plan_show(run, stdout);
	record_end(run);
	return !run->how;
}

/* ---- 2. start ---- */

static bool attach(struct run *run)
{
	const struct option_values *v = option_values(run->options);
	char error[ERROR_MAX];

	if (!api_init(&run->api, &run->poller, v->attach, v->token, error)) {
		run_end(run, "usage", "--attach: %s", error);
		return false;
	}
	if (!api_local(&run->api) && !v->yes_remote) {
		run_end(run, "usage", "--attach: %.100s is another machine: expected --yes-remote "
		        "with it", v->attach);
		return false;
	}
	return true;
}

/* With --run the proxies are those that the application's first connections have made. */
static bool discover(struct run *run)
{
	if (!option_values(run->options)->run)
		return true;
	probes_record(run);
	run->activity = "starting the application";
	return application_prepare(run) && application_start(run) && baseline_first(run);
}

/* Its proxies, and what is to be done to them. */
static bool prepare(struct run *run)
{
	const struct option_values *v = option_values(run->options);

	if (!v->attach && !rehearse(run))
		return false;
	if (v->plan && !v->attach)
		return true;
	if (!v->plan && !finish_possible(run))
		return false;
	record_begin(run);
	if (!(v->attach ? attach(run) : own_start(run)) || !discover(run) || !vaurien_meet(run))
		return false;
	if (!v->run)
		probes_record(run);
	if (run->how || !probes_named(run) || !plan_experiments(run))
		return false;
	if (v->plan)
		plan_show(run, stdout);
	return true;
}

static bool start(struct run *run)
{
	if (option_values(run->options)->run)
		return vaurien_calm(run) && vaurien_watch(run) && baseline_first(run);
	if (!vaurien_calm(run) ||
	    (!option_values(run->options)->attach && !backends_reachable(run)) ||
	    !application_prepare(run) || !vaurien_watch(run))
		return false;
	run->activity = run->options->command ? "starting the application"
	                                      : "asking each probe once";
	return application_start(run) && baseline_first(run);
}

/* ---- 3. what is normal ---- */

static void notes_make(struct run *run)
{
	bool vanish = false;

	if (!run->probers.n)
		run_note(run, "no_probes", "no probe was given: only connections are judged, and "
		         "nothing is known of the application's answers");
	for (size_t i = 0; i < run->record.proxies.n; i++) {
		const struct seen_proxy *p = &run->record.proxies.at[i];
		if (p->injected && !p->connections.n && !p->exchanges.n)
			run_note(run, "no_traffic", "nothing came through proxy %s (%s): the "
			         "application does not go through it", p->name, p->listen);
	}
	for (size_t i = 0; i < run->n_plan; i++)
		vanish |= !strcmp(run->plan[i].scenario->name, "half_open") ||
		          !strcmp(run->plan[i].scenario->name, "blackhole");
	if (vanish && !run->filter)
		run_note(run, "stall_for_vanish", "the kernel does not allow vanish, so stall is "
		         "used: keep-alive and TCP_USER_TIMEOUT are not tested");
	if (run->clock_uncertainty > 0.02)
		run_note(run, "clock", "the clocks of auditor and proxy are known to %.0f ms only",
		         run->clock_uncertainty * 1e3);
}

static void show_normal(struct run *run)
{
	double seconds;
	char seed[32];

	json_object_set_new(run->shown, "notes", json_incref(run->notes));
	json_object_set_new(run->shown, "proxies", judge_proxies(&run->record));
	json_object_set_new(run->shown, "probes", judge_probes(&run->record));
	report_screen_normal(&run->screen, run->shown);
	unsigned n = plan_count(run, &seconds);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
	report_screen_plan(&run->screen, n, seconds, seed);
}

/* ---- 4. experiments ---- */

static void show_experiment(struct run *run, const struct planned *p)
{
	json_t *value = judge_experiment(&run->record, p->record);

	report_screen_experiment(&run->screen, run->shown, value, (unsigned)run->n_plan);
	json_decref(value);
}

static bool too_late(struct run *run, const struct planned *p)
{
	const struct option_values *v = option_values(run->options);
	double end = poller_now() + plan_lasts(run, p) + seconds_of(v->give_up);

	if (end < seconds_of(v->run_limit))
		return false;
	run_end(run, "run_limit", "--run-limit %g s: what could end later was not begun",
	        seconds_of(v->run_limit));
	return true;
}

/* Experiments that were not begun. */
static void rest_note(struct run *run)
{
	for (size_t i = 0; i < run->n_plan; i++) {
		struct experiment *e = run->plan[i].record;
		if (e->state != STATE_NOT_RUN || e->why_not != WHY_NONE || !run->how)
			continue;
		e->why_not = WHY_NOT_RUN;
		if (!e->why)
			e->why = xstrdup(run->why);
	}
}

static void experiments(struct run *run)
{
	for (size_t i = 0; i < run->n_plan && !run->how; i++) {
		struct planned *p = &run->plan[i];
		if (p->script && !too_late(run, p))
			experiment_run(run, p);
		else if (run->how)
			break;
		show_experiment(run, p);
	}
	rest_note(run);
}

/* ---- all ---- */

static void live_show(struct poll_timer *t)
{
	struct run *run = (struct run *)((char *)t - offsetof(struct run, live));
	char text[200] = "";
	const struct planned *p = run->now;

	poller_set(&run->poller, t, poller_now() + 0.2);
	if (!run->activity)
		return;
	if (p)
		snprintf(text, sizeof text, "%zu/%zu %s  ", (size_t)(p - run->plan) + 1,
		         run->n_plan, p->scenario->name);
	size_t n = strlen(text);
	snprintf(text + n, sizeof text - n, "%s %.1f s", *run->activity ? run->activity : "fault",
	         poller_now() - (p && p->record->begun > 0 ? p->record->begun : 0));
	for (size_t i = 0; i < run->probers.n; i++) {
		const struct probe *probe = &run->probers.at[i];
		n = strlen(text);
		if (probe->answered)
			snprintf(text + n, sizeof text - n, "  %s %s", probe->words->name,
			         outcome_names[probe->last]);
	}
	report_screen_live(&run->screen, text);
}

static void stay(struct run *run)
{
	if (!option_values(run->options)->stay || run->how)
		return;
	printf("the proxies stay, calm, until Ctrl-C:");
	for (size_t i = 0; i < run->record.proxies.n; i++)
		printf(" %s %s", run->record.proxies.at[i].name, run->record.proxies.at[i].listen);
	printf("; the API: %s%s\n", run->api.socket ? "unix:" : run->api.base,
	       run->api.socket ? run->api.socket : "");
	fflush(stdout);
	run->signal = 0;
	while (!run->how)
		poller_round(&run->poller, poller_now() + 60);
}

/* What takes part in the run, in turn. */
static void run_steps(struct run *run)
{
	if (!prepare(run) || option_values(run->options)->plan || !start(run) ||
	    !baseline_needs(run))
		return;
	load_start(run);
	if (!baseline_watch(run))
		return;
	run->begun = true;
	vaurien_connections(run);
	plan_settle(run);
	notes_make(run);
	show_normal(run);
	experiments(run);
}

static void run_free(struct run *run)
{
	application_free(run);
	record_end(run);
	json_decref(run->notes);
	json_decref(run->shown);
	keeper_end(&run->keeper);
	api_free(&run->api);
	processes_free();
	poller_free(&run->poller);
}

int audit_run(struct options *options)
{
	struct run *run = the_run = xcalloc(1, sizeof *run);

	run->options = options;
	run->notes = json_array();
	run->shown = json_object();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	poller_init(&run->poller);
	if (!processes_init(&run->poller, stopped))
		return option_error("the system has no signalfd"), 4;
	report_screen_open(&run->screen, stdout);
	run->live.fire = live_show;
	if (run->screen.live)
		poller_set(&run->poller, &run->live, poller_now() + 0.2);
	run_steps(run);
	run->activity = NULL;
	poller_stop(&run->poller, &run->live);
	probes_stop(&run->probers);
	load_stop(run);
	int code = finish(run);
	application_stop(run);
	vaurien_leave(run);
	if (code != 2)
		stay(run);
	own_stop(run);
	run_free(run);
	free(run);
	return code;
}
