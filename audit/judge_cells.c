/* judge_cells.c - writes the figures of an experiment as JSON. */
#include "audit/judge_cells.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"

enum { SAMPLES_MAX = 1500, POINTS_MAX = 4000 };

json_t *seconds_json(double seconds)
{
	return seconds < 0 ? json_null() : json_real(round(seconds * 1e6) / 1e6);
}

/* ---- phases ---- */

static json_t *texts_json(char *const *at, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_text(at[i]));
	return list;
}

static json_t *expectations_json(const struct phase_record *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->expectations.n; i++) {
		const struct expect_record *a = &p->expectations.at[i];
		json_t *one = json_object();
		json_object_set_new(one, "text", json_text(a->text));
		json_object_set_new(one, "held", a->held < 0 ? json_null() : json_boolean(a->held));
		if (a->why)
			json_object_set_new(one, "why", json_text(a->why));
		json_array_append_new(list, one);
	}
	return list;
}

json_t *phases_json(const struct experiment *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->phases.n; i++) {
		const struct phase_record *p = &e->phases.at[i];
		json_t *one = json_object();
		json_object_set_new(one, "name", json_text(p->name));
		json_object_set_new(one, "fault", json_boolean(p->fault));
		json_object_set_new(one, "rules", texts_json(p->rules.at, p->rules.n));
		json_object_set_new(one, "does", texts_json(p->does.at, p->does.n));
		json_object_set_new(one, "begun", seconds_json(p->begun));
		json_object_set_new(one, "ended", seconds_json(p->ended));
		json_object_set_new(one, "expectations", expectations_json(p));
		json_array_append_new(list, one);
	}
	return list;
}

/* ---- probes ---- */

static json_t *outcomes_json(const unsigned n[OUTCOMES])
{
	json_t *counts = json_object();

	for (unsigned i = 0; i < OUTCOMES; i++)
		json_object_set_new(counts, outcome_names[i], json_integer(n[i]));
	return counts;
}

/* How often each wrong answer came, in the fault and after. */
static json_t *answers_json(const struct measure *m, unsigned probe)
{
	json_t *counts = json_object();

	for (size_t i = 0; i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		const char *answer = sample_answer(m->record, s);
		if (s->probe != probe || sample_end(s) <= m->fault.from
		    || !outcome_fails(s->outcome) || !*answer)
			continue;
		json_int_t n = json_integer_value(json_object_get(counts, answer));
		json_object_set_new(counts, answer, json_integer(n + 1));
	}
	return counts;
}

static json_t *sample_json(const struct record *r, const struct sample *s)
{
	json_t *row = json_array();

	json_array_append_new(row, seconds_json(s->begun));
	json_array_append_new(row, seconds_json((double)s->took));
	json_array_append_new(row, json_string(outcome_names[s->outcome]));
	json_array_append_new(row, json_text(sample_answer(r, s)));
	return row;
}

/* Of very many, those where the outcome changes, and some between. */
static json_t *samples_json(const struct measure *m, unsigned probe)
{
	json_t *list = json_array();
	size_t n = 0, i = 0, step;
	int before = -1;

	for (size_t j = 0; j < m->samples.n; j++)
		n += m->samples.at[j]->probe == probe;
	step = n / SAMPLES_MAX + 1;
	for (size_t j = 0; j < m->samples.n; j++) {
		const struct sample *s = m->samples.at[j];
		if (s->probe != probe)
			continue;
		if (i++ % step == 0 || s->outcome != before)
			json_array_append_new(list, sample_json(m->record, s));
		before = s->outcome;
	}
	return list;
}

json_t *cell_json(const struct measure *m, unsigned probe, const struct probe_figures *f)
{
	static const char *const tried[] = { "nothing", "asked", "connected" };
	bool open = m->healed >= 0 && f->recover < 0;
	json_t *cell = json_object();

	json_object_set_new(cell, "name", json_text(m->record->probes.at[probe].name));
	json_object_set_new(cell, "detect", seconds_json(f->detect));
	json_object_set_new(cell, "recover", seconds_json(f->recover));
	json_object_set_new(cell, "during", outcomes_json(f->during));
	json_object_set_new(cell, "after", outcomes_json(f->after));
	json_object_set_new(cell, "answers", answers_json(m, probe));
	json_object_set_new(cell, "answer_median", seconds_json(f->answer_median));
	json_object_set_new(cell, "failures_after", json_integer(f->failures_after));
	json_object_set_new(cell, "without_asking", json_integer(f->without_asking));
	json_object_set_new(cell, "tried", open ? json_string(tried[f->tried]) : json_null());
	json_object_set_new(cell, "samples", samples_json(m, probe));
	return cell;
}

/* ---- connections and requests ---- */

json_t *connections_json(const struct connection_figures *f)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}",
	                 "before", (int)f->before, "after", (int)f->after, "opened", (int)f->opened,
	                 "peak", (int)f->peak, "unnoticed", (int)f->unnoticed,
	                 "stuck", (int)f->stuck, "poisoned", (int)f->poisoned,
	                 "silent", (int)f->silent, "replaced", (int)f->replaced,
	                 "suspects", (int)f->suspects);
}

json_t *retries_json(const struct retry_figures *f)
{
	return json_pack("{s:f, s:i, s:s, s:o, s:i}", "median", f->median, "most", (int)f->most,
	                 "spacing", spacing_names[f->spacing], "gap", seconds_json(f->gap),
	                 "samples", (int)f->samples);
}

static json_t *timeout_json(const struct timeout_figures *f)
{
	if (!f->waited)
		return json_null();
	return json_pack("{s:i, s:i, s:o, s:o, s:o, s:o}", "waited", (int)f->waited,
	                 "given_up", (int)f->given_up, "watched", seconds_json(f->watched),
	                 "least", seconds_json(f->least), "median", seconds_json(f->median),
	                 "most", seconds_json(f->most));
}

json_t *timeouts_json(const struct timeout_figures *connect, const struct timeout_figures *request)
{
	return json_pack("{s:o, s:o}", "connect", timeout_json(connect), "request",
	                 timeout_json(request));
}

json_t *load_json(const struct measure *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->record->proxies.n; i++) {
		struct load_figures f;
		if (i == m->experiment->proxy)
			continue;
		measure_load(m, i, &f);
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}",
			"proxy", json_text(m->record->proxies.at[i].name),
			"exchanges", seconds_json(f.exchanges),
			"connections", seconds_json(f.connections)));
	}
	return list;
}

/* ---- series, from 2 s before the fault to the end ---- */

static void point_add(json_t *list, double time, double value)
{
	json_t *point;

	if (json_array_size(list) >= POINTS_MAX)
		return;
	point = json_array();
	json_array_append_new(point, seconds_json(time));
	json_array_append_new(point, json_real(value));
	json_array_append_new(list, point);
}

static json_t *per_second_json(const double *times, size_t n, double from, double to)
{
	json_t *list = json_array();
	size_t i = 0;

	for (double second = from; second < to; second += 1) {
		unsigned in = 0;
		for (; i < n && times[i] < second + 1; i++)
			in += times[i] >= second;
		point_add(list, second, in);
	}
	return list;
}

/* [time, how many are open], where that changes. */
static json_t *open_json(const struct measure *m, double from)
{
	const struct seen_proxy *p = m->proxy;
	double *times = xmalloc((2 * p->connections.n + 1) * sizeof *times);
	json_t *list = json_array();
	size_t n = 0;
	int last = -1;

	times[n++] = from;
	for (size_t i = 0; i < p->connections.n; i++) {
		const struct seen_connection *c = &p->connections.at[i];
		if (c->opened > from && c->opened <= m->end)
			times[n++] = c->opened;
		if (c->closed > from && c->closed <= m->end)
			times[n++] = c->closed;
	}
	sort_values(times, n);
	for (size_t i = 0, step = n / POINTS_MAX + 1; i < n; i += step) {
		int now = (int)open_at(p, times[i]);
		if (now != last)
			point_add(list, times[i], now);
		last = now;
	}
	free(times);
	return list;
}

static json_t *waiting_json(const struct measure *m, double from)
{
	json_t *list = json_array();
	int last = -1;

	for (size_t i = 0; i < m->proxy->looks.n; i++) {
		const struct look *l = &m->proxy->looks.at[i];
		if (l->time < from || l->time > m->end || (int)l->waiting == last)
			continue;
		last = (int)l->waiting;
		point_add(list, l->time, last);
	}
	return list;
}

json_t *series_json(const struct measure *m)
{
	const struct seen_proxy *p = m->proxy;
	double from = m->fault.from > 2 ? m->fault.from - 2 : 0;
	size_t most = p->connections.n > p->exchanges.n ? p->connections.n : p->exchanges.n, n = 0;
	double *times = xmalloc(most * sizeof *times);
	json_t *opened, *exchanges;

	for (size_t i = 0; i < p->connections.n; i++)
		if (p->connections.at[i].opened >= from && p->connections.at[i].opened <= m->end)
			times[n++] = p->connections.at[i].opened;
	sort_values(times, n);
	opened = per_second_json(times, n, from, m->end);
	n = 0;
	for (size_t i = 0; i < p->exchanges.n; i++)
		if (p->exchanges.at[i].exchange && p->exchanges.at[i].asked >= from
		    && p->exchanges.at[i].asked <= m->end)
			times[n++] = p->exchanges.at[i].asked;
	sort_values(times, n);
	exchanges = per_second_json(times, n, from, m->end);
	free(times);
	return json_pack("{s:o, s:o, s:o, s:o}", "open", open_json(m, from), "opened", opened,
	                 "exchanges", exchanges, "waiting", waiting_json(m, from));
}
