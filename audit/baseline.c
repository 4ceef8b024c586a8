/* baseline.c - before the first fault: what each probe asks, and what is normal. */
#include "audit/baseline.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

#define IDLE    2.0                     /* seconds of watching without any probe */
#define EVENTS  0.06                    /* seconds until the events of a moment are here */
#define ASKED   3                       /* times, of each probe */

/* ---- each once ---- */

static bool none_under_way(struct run *run)
{
	return !run->probers.under_way;
}

/* One sample at a time, until it is ok. False: the run has ended. */
static bool first_ok(struct run *run, struct probe *p, double most)
{
	while (!run->how) {
		double next = poller_now() + (p->every < 0.5 ? p->every : 0.5);
		probe_ask(p);
		run_until(run, next + p->timeout + 1, none_under_way);
		if (p->last == OUTCOME_OK)
			return true;
		if (p->unaskable)
			run_end(run, "no_baseline", "probe %s cannot be asked: %s", p->words->name,
			        p->answer);
		if (poller_now() > most)
			run_end(run, "no_baseline", "probe %s is not ok: %s%s%s", p->words->name,
			        outcome_names[p->last], *p->answer ? ", " : "", p->answer);
		run_until(run, next, NULL);
	}
	return false;
}

bool baseline_first(struct run *run)
{
	/* An application that was there before needs no time to start. */
	double time = seconds_of(option_values(run->options)->app_start);
	double most = poller_now() + (run->options->command ? time : fmin(time, 3));
	bool good = true;

	for (size_t i = 0; i < run->probers.n && good; i++)
		good = first_ok(run, &run->probers.at[i], most);
	return good;
}

/* ---- who asks whom ---- */

struct traffic { double n, kinds[KINDS]; };

/* What a proxy carried in that time: requests, and connections that were opened. */
static struct traffic traffic_of(const struct seen_proxy *p, double from, double to)
{
	struct traffic t = { .n = 0 };

	for (size_t i = p->exchanges.n; i-- > 0 && p->exchanges.at[i].ended >= from; ) {
		const struct seen_exchange *x = &p->exchanges.at[i];
		if (x->asked < from || x->asked > to)
			continue;
		t.n++;
		for (unsigned k = 0; k < KINDS; k++)
			t.kinds[k] += x->kinds >> k & 1;
	}
	for (size_t i = 0; i < p->connections.n; i++)
		if (p->connections.at[i].opened >= from && p->connections.at[i].opened <= to)
			t.n++;
	return t;
}

/* `sum`: of all samples that asked; `idle`: what the proxy carries in a second by itself. */
struct finding { unsigned yes, unclear; double kinds[KINDS], idle, idle_kinds[KINDS]; };

static void find_add(struct finding *f, const struct traffic *t, double took)
{
	double expected = f->idle * took;

	if (t->n > 0 && t->n >= 3 * expected && t->n - expected >= 0.5)
		f->yes++;
	else if (t->n > 0 && expected > 0.2)
		f->unclear++;
	for (unsigned k = 0; k < KINDS; k++) {
		double more = t->kinds[k] - f->idle_kinds[k] * took;
		f->kinds[k] += more > 0 ? more / ASKED : 0;
	}
}

static bool need_ask(struct run *run, struct probe *p, struct finding *findings)
{
	for (int i = 0; i < ASKED; i++) {
		double from = poller_now();
		probe_ask(p);
		if (!run_until(run, from + p->timeout + 1, none_under_way))
			return false;
		double to = poller_now();
		run_until(run, to + EVENTS, NULL);
		for (size_t k = 0; k < run->record.proxies.n; k++) {
			struct traffic t = traffic_of(&run->record.proxies.at[k], from - 0.001,
			                              to + 0.001);
			find_add(&findings[k], &t, to - from);
		}
		if (p->last != OUTCOME_OK) {
			run_end(run, "no_baseline", "probe %s is not ok: %s%s%s", p->words->name,
			        outcome_names[p->last], *p->answer ? ", " : "", p->answer);
			return false;
		}
	}
	return !run->how;
}

/* The word `asks`. */
struct given { struct run *run; struct seen_probe *probe; };

static bool given_take(void *user, const char *name)
{
	struct given *g = user;
	int proxy = record_find_proxy(&g->run->record, name);

	if (!strcmp(name, "none"))
		return true;
	g->probe->needs[proxy].need = NEED_YES;         /* run.c has checked the names */
	return true;
}

static void need_put(struct run *run, size_t number, const struct finding *findings)
{
	struct seen_probe *p = &run->record.probes.at[number];
	const char *asks = probe_values(&run->options->probes[number])->asks;
	struct given given = { run, p };

	for (size_t k = 0; k < run->record.proxies.n; k++) {
		const struct finding *f = &findings[k];
		p->needs[k].need = asks ? NEED_NO : f->yes >= 2 ? NEED_YES :
		                   f->yes + f->unclear >= 2 ? NEED_UNKNOWN : NEED_NO;
		memcpy(p->needs[k].kinds, f->kinds, sizeof f->kinds);
	}
	p->asks_given = asks;
	if (asks)
		list_each(asks, given_take, &given);
}

bool baseline_needs(struct run *run)
{
	size_t n = run->record.proxies.n;
	double from = poller_now();

	run->activity = "finding out who asks whom";
	if (!run->probers.n)
		return true;
	struct finding *idle = xcalloc(n, sizeof *idle), *findings = xcalloc(n, sizeof *findings);
	run_until(run, from + IDLE, NULL);
	for (size_t k = 0; k < n; k++) {
		struct traffic t = traffic_of(&run->record.proxies.at[k], from, from + IDLE);
		idle[k].idle = t.n / IDLE;
		for (unsigned kind = 0; kind < KINDS; kind++)
			idle[k].idle_kinds[kind] = t.kinds[kind] / IDLE;
	}
	for (size_t i = 0; i < run->probers.n && !run->how; i++) {
		memcpy(findings, idle, n * sizeof *findings);
		if (need_ask(run, &run->probers.at[i], findings))
			need_put(run, i, findings);
	}
	free(idle);
	free(findings);
	return !run->how;
}

/* ---- what is normal ---- */

static bool one_wrong(struct run *run)
{
	for (size_t i = 0; i < run->probers.n; i++)
		if (run->probers.at[i].wrong)
			return true;
	return false;
}

static void within_put(struct run *run, size_t number)
{
	struct seen_probe *p = &run->record.probes.at[number];
	int64_t given = probe_values(&run->options->probes[number])->within;
	double slowest = 0;

	for (size_t i = 0; i < run->record.samples.n; i++)
		if (run->record.samples.at[i].probe == number)
			slowest = fmax(slowest, (double)run->record.samples.at[i].took);
	p->within = given ? seconds_of(given) : fmax(0.25, 3 * slowest);
}

bool baseline_watch(struct run *run)
{
	run->activity = "watching what is normal";
	run->probers.recording = true;
	run->record.baseline_begun = poller_now();
	probes_watch(&run->probers, poller_now());
	probes_start(&run->probers);
	run_until(run, poller_now() + seconds_of(option_values(run->options)->baseline), one_wrong);
	for (size_t i = 0; i < run->probers.n && !run->how; i++) {
		const struct probe *p = &run->probers.at[i];
		if (p->wrong)
			run_end(run, "no_baseline", "probe %s is not always ok before any fault: "
			        "%s%s%s", p->words->name, outcome_names[p->last],
			        *p->answer ? ", " : "", p->answer);
	}
	run->record.baseline_ended = poller_now();
	run->calm = run->record.baseline_begun;
	for (size_t i = 0; i < run->probers.n; i++)
		within_put(run, i);
	return !run->how;
}
