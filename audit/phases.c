/* phases.c - runs a script: a state machine that never waits and does no input or output.
 *
 * A track is a row of stages. The cursor is at the stage whose turn it is: it waits there until the
 * stage begins and, unless that is `meanwhile`, until it ends. A stage of `use` has tracks of its
 * own. A rule that ends is removed after those that begin then are put, so that nothing passes
 * between two phases. */
#include "audit/phases.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define EPSILON 1e-6                    /* seconds: times are sums of doubles */
#define WHEN_LONGEST 30.0               /* seconds: `when` without `within` */

enum stage_state { STAGE_TO_COME, STAGE_PENDING, STAGE_ON, STAGE_TIRED, STAGE_OVER };
/* TIRED: its time is up; its rules are still to be removed, or linger */

struct track;

struct stage {
	const struct script_phase *phase;
	enum stage_state state;
	double turn;                    /* when the cursor came here */
	double looking;                 /* `when` is looked at since; < 0: not yet */
	double begun, ended;
	struct condition_state when, until;
	struct assertion_state *expects;
	size_t track_at;                /* of `use`: which track runs */
	struct track *inside;
};

struct track {
	const struct script_track *script;
	double begun;
	size_t cursor;
	struct stage *stages;
};

struct phases {
	const struct script *script;
	const struct phases_calls *calls;
	void *user;
	enum phases_state state;
	double begun, now, on, off, look;
	size_t track_at;
	struct track *track;            /* NULL: over */
	struct leases leases;
	size_t n_moved;
	const char **moved;             /* proxies with another backend than before; borrowed */
	unsigned runs, running;         /* commands: begun, not ended */
	char **commands;                /* of each run, by its number from 1; borrowed */
	bool failed;
	char inconclusive[ERROR_MAX];
	const char *current;
};

/* ---- metrics ---- */

struct asker { struct phases *phases; const struct script_phase *phase; };

/* The sum over the phase's proxies; of retries the most. */
static bool metric_sum(const struct asker *asker, const struct metric *m, double since, double now,
                       double *value)
{
	const struct phases *p = asker->phases;
	bool known = false;

	*value = 0;
	for (size_t i = 0; i < asker->phase->n_proxies; i++) {
		struct metric one = *m;
		double got;
		snprintf(one.proxy, sizeof one.proxy, "%s", asker->phase->proxies[i]->name);
		if (!p->calls->metric(p->user, &one, since, now, &got))
			continue;
		known = true;
		*value = m->kind == METRIC_RETRIES ? fmax(*value, got) : *value + got;
	}
	return known;
}

static bool metric_ask(void *user, const struct metric *m, double since, double now, double *value)
{
	const struct asker *asker = user;
	const struct phases *p = asker->phases;

	if (m->kind == METRIC_CLOCK) {
		*value = now - p->begun;
		return true;
	}
	if (metric_of_proxy(m->kind) && !*m->proxy)
		return metric_sum(asker, m, since, now, value);
	return p->calls->metric(p->user, m, since, now, value);
}

static const struct span_times *times_of(const struct phases *p)
{
	return &p->script->world->times;
}

/* ---- expectations ---- */

static void seen_show(const struct assertion_state *state, enum metric_kind kind, char *text,
                      size_t size)
{
	enum metric_type type = metric_type(kind);

	if (!state->known)
		snprintf(text, size, "nothing");
	else if (type == METRIC_OUTCOME)
		snprintf(text, size, "%s", outcome_names[(int)state->seen]);
	else
		snprintf(text, size, "%.4g%s", state->seen, type == METRIC_DURATION ? " s" : "");
}

static void expectation_report(struct phases *p, const struct stage *stage, size_t i)
{
	const struct phase_expect *e = &stage->phase->phase->expects[i];
	const struct assertion_state *state = &stage->expects[i];
	char seen[32];
	struct expect_report report = {
		stage->phase->name, e->text, e->place, state->verdict == ASSERT_HOLDS,
		state->known, seen, state->decided
	};

	seen_show(state, e->assertion.term.metric.kind, seen, sizeof seen);
	p->failed |= !report.held;
	p->calls->expectation(p->user, &report);
}

static void expectations_look(struct phases *p, struct stage *stage, bool last)
{
	struct asker asker = { p, stage->phase };
	const struct phase *phase = stage->phase->phase;

	for (size_t i = 0; i < phase->n_expects; i++) {
		struct assertion_state *state = &stage->expects[i];
		bool open = state->verdict == ASSERT_OPEN;
		if (open && assertion_look(state, &phase->expects[i].assertion, times_of(p),
		                           stage->begun, p->now, last, metric_ask, &asker))
			expectation_report(p, stage, i);
	}
}

/* ---- deeds ---- */

static void act(struct phases *p, enum act_kind kind, const char *proxy, const char *text)
{
	struct act a = { kind, proxy, text, p->on, kind == ACT_RUN ? p->runs : 0 };

	p->calls->act(p->user, &a);
}

static void port_close(struct phases *p, const char *proxy)
{
	const char *client = p->script->world->client;
	char words[200] = "refuse";

	if (leases_has(&p->leases, p, proxy))
		return;
	if (client)
		snprintf(words, sizeof words, "reset connections=new client=%s", client);
	leases_put(&p->leases, p, proxy, words, p->now);
	act(p, ACT_CLOSE, proxy, "");
}

static void backend_move(struct phases *p, const char *proxy, const char *to)
{
	size_t i = 0;

	while (i < p->n_moved && strcmp(p->moved[i], proxy) != 0)
		i++;
	if (i == p->n_moved) {
		p->moved = xrealloc(p->moved, (i + 1) * sizeof *p->moved);
		p->moved[p->n_moved++] = proxy;
	}
	act(p, ACT_BACKEND, proxy, to);
}

static void command_run(struct phases *p, char *command)
{
	p->commands = xrealloc(p->commands, (p->runs + 1) * sizeof *p->commands);
	p->commands[p->runs++] = command;
	p->running++;
	act(p, ACT_RUN, NULL, command);
}

static void deed_do(struct phases *p, const struct script_phase *phase, const struct deed *deed)
{
	if (deed->kind == DEED_RUN)
		return command_run(p, deed->text);
	if (deed->kind == DEED_MARK)
		return act(p, ACT_MARK, NULL, deed->text);
	for (size_t i = 0; i < phase->n_proxies; i++) {
		const char *proxy = phase->proxies[i]->name;
		if (deed->kind == DEED_DISABLE)
			port_close(p, proxy);
		else if (deed->kind == DEED_ENABLE)
			leases_remove(&p->leases, p, proxy);
		else if (deed->kind == DEED_BACKEND)
			backend_move(p, proxy, deed->text);
		else
			act(p, deed->kind == DEED_CLOSE ? ACT_CLOSE : ACT_RESET, proxy, "");
	}
}

/* ---- tracks ---- */

static struct track *track_make(const struct script_track *script, double now)
{
	struct track *track = xcalloc(1, sizeof *track);

	track->script = script;
	track->begun = now;
	track->stages = xcalloc(script->n, sizeof *track->stages);
	for (size_t i = 0; i < script->n; i++) {
		struct stage *stage = &track->stages[i];
		stage->phase = &script->phases[i];
		stage->looking = stage->begun = stage->ended = -1;
		stage->expects = xcalloc(stage->phase->phase->n_expects, sizeof *stage->expects);
	}
	return track;
}

static void track_free(struct track *track)
{
	for (size_t i = 0; track && i < track->script->n; i++) {
		free(track->stages[i].expects);
		track_free(track->stages[i].inside);
	}
	if (track)
		free(track->stages);
	free(track);
}

static bool track_tick(struct phases *, struct track *);
static void track_clear(struct phases *, struct track *);

/* The track is over: begin the next one, then take back what the old one has. Returns whether the
 * next one is over at once. */
static bool track_follow(struct phases *p, struct track **track, const struct script_track *next)
{
	struct track *old = *track;

	*track = track_make(next, p->now);
	bool over = track_tick(p, *track);
	track_clear(p, old);
	track_free(old);
	return over;
}

/* Look again at this time at the latest. */
static void look_at(struct phases *p, double time)
{
	p->look = fmin(p->look, time);
}

/* ---- a stage begins ---- */

static void condition_failed(struct phases *p, const struct stage *stage, double waited)
{
	const struct phase *phase = stage->phase->phase;

	error_format(p->inconclusive, "[phase:%s]: '%s' did not hold within %.6g s",
	             stage->phase->name, phase->when_text, waited);
}

/* Does its condition hold? Not in time: the script is inconclusive. */
static bool when_holds(struct phases *p, struct stage *stage)
{
	const struct phase *phase = stage->phase->phase;
	struct asker asker = { p, stage->phase };
	double within = phase->has_within ? span_seconds(&phase->within, times_of(p)) :
	                                    WHEN_LONGEST;

	if (!phase->when)
		return true;
	if (stage->looking < 0) {
		stage->looking = p->now;
		condition_begin(&stage->when);
	}
	if (condition_look(&stage->when, phase->when, times_of(p), stage->looking, p->now,
	                   metric_ask, &asker))
		return true;
	if (p->now >= stage->looking + within - EPSILON)
		condition_failed(p, stage, within);
	look_at(p, fmin(p->now + PHASES_LOOK, stage->looking + within));
	return false;
}

/* May it begin? */
static bool stage_ready(struct phases *p, const struct track *track, struct stage *stage)
{
	const struct phase *phase = stage->phase->phase;
	double from = stage->turn;

	if (phase->has_after)
		from += span_seconds(&phase->after, times_of(p));
	if (phase->has_at)
		from = fmax(from, track->begun + span_seconds(&phase->at, times_of(p)));
	if (p->now < from - EPSILON) {
		look_at(p, from);
		return false;
	}
	return when_holds(p, stage);
}

static void stage_report(struct phases *p, const struct stage *stage,
                         void (*to)(void *user, const struct phase_report *))
{
	struct phase_report report = { stage->phase->name, stage->phase->faulty, stage->begun,
	                               stage->ended };

	to(p->user, &report);
}

static void stage_begin(struct phases *p, struct stage *stage)
{
	const struct script_phase *phase = stage->phase;

	stage->state = STAGE_ON;
	stage->begun = p->now;
	p->current = phase->name;
	condition_begin(&stage->until);
	for (size_t i = 0; i < phase->phase->n_expects; i++)
		assertion_begin(&stage->expects[i]);
	stage_report(p, stage, p->calls->began);
	if (p->on < 0 && phase->faulty && !phase->n_tracks)
		p->on = p->now;
	for (size_t i = 0; i < phase->n_rules; i++)
		leases_put(&p->leases, stage, phase->rules[i].proxy->name, phase->rules[i].words,
		           p->now);
	for (size_t i = 0; i < phase->phase->n_deeds; i++)
		deed_do(p, phase, &phase->phase->deeds[i]);
	if (phase->n_tracks)
		stage->inside = track_make(&phase->tracks[0], p->now);
}

/* ---- a stage goes on, and ends ---- */

/* Are all tracks of `use` over? */
static bool inside_over(struct phases *p, struct stage *stage)
{
	bool over = track_tick(p, stage->inside);

	while (over && stage->track_at + 1 < stage->phase->n_tracks)
		over = track_follow(p, &stage->inside, &stage->phase->tracks[++stage->track_at]);
	return over;
}

static bool until_holds(struct phases *p, struct stage *stage)
{
	const struct phase *phase = stage->phase->phase;
	struct asker asker = { p, stage->phase };

	if (phase->until)
		look_at(p, p->now + PHASES_LOOK);
	return phase->until && condition_look(&stage->until, phase->until, times_of(p),
	                                      stage->begun, p->now, metric_ask, &asker);
}

static bool time_is_up(struct phases *p, struct stage *stage)
{
	const struct phase *phase = stage->phase->phase;
	double end = stage->begun + (phase->timed ? span_seconds(&phase->lasts, times_of(p)) : 0);

	if (stage->inside)
		return inside_over(p, stage);
	look_at(p, end > p->now ? end : p->look);
	return p->now >= end - EPSILON;
}

static void track_tire(struct track *);

static void stage_tire(struct stage *stage)
{
	if (stage->state == STAGE_ON)
		stage->state = STAGE_TIRED;
	if (stage->inside)
		track_tire(stage->inside);
}

/* Whatever goes on in it ends now. */
static void track_tire(struct track *track)
{
	for (size_t i = 0; i < track->script->n; i++)
		stage_tire(&track->stages[i]);
	track->cursor = track->script->n;
}

static void stage_tick(struct phases *p, struct stage *stage)
{
	if (stage->phase->phase->n_expects)
		look_at(p, p->now + PHASES_LOOK);
	bool up = time_is_up(p, stage);

	if (!until_holds(p, stage) && !up)
		return expectations_look(p, stage, false);
	expectations_look(p, stage, true);
	stage_tire(stage);
}

/* Take back what tired stages have. */
static void track_clear(struct phases *p, struct track *track)
{
	for (size_t i = 0; track && i < track->script->n; i++) {
		struct stage *stage = &track->stages[i];
		track_clear(p, stage->inside);
		if (stage->state != STAGE_TIRED)
			continue;
		leases_remove(&p->leases, stage, NULL);
		stage->state = STAGE_OVER;
		stage->ended = p->now;
		stage_report(p, stage, p->calls->ended);
	}
}

/* Let the stage at the cursor begin. Returns whether the cursor moved on. */
static bool cursor_tick(struct phases *p, struct track *track)
{
	struct stage *stage = &track->stages[track->cursor];

	if (stage->state == STAGE_TO_COME) {
		stage->state = STAGE_PENDING;
		stage->turn = p->now;
	}
	if (stage->state == STAGE_PENDING && !stage_ready(p, track, stage))
		return false;
	if (stage->state == STAGE_PENDING) {
		stage_begin(p, stage);
		stage_tick(p, stage);
	}
	if (stage->state == STAGE_ON && !stage->phase->phase->meanwhile)
		return false;
	track->cursor++;
	return true;
}

/* True: all its stages are over, or only wait to be cleared. */
static bool track_tick(struct phases *p, struct track *track)
{
	bool on = false;

	for (size_t i = 0; i < track->script->n; i++)
		if (track->stages[i].state == STAGE_ON)
			stage_tick(p, &track->stages[i]);
	while (track->cursor < track->script->n && !*p->inconclusive)
		if (!cursor_tick(p, track))
			return false;
	for (size_t i = 0; i < track->script->n; i++)
		on |= track->stages[i].state == STAGE_ON;
	return !on;
}

/* ---- the whole ---- */

/* Is a fault still to come, or in force? */
static bool faults_left(const struct track *track)
{
	for (size_t i = 0; track && i < track->script->n; i++) {
		const struct stage *stage = &track->stages[i];
		const struct script_phase *phase = stage->phase;
		if (!phase->faulty || stage->state == STAGE_OVER)
			continue;
		if (!stage->inside || faults_left(stage->inside))
			return true;
		for (size_t k = stage->track_at + 1; k < phase->n_tracks; k++)
			for (size_t j = 0; j < phase->tracks[k].n; j++)
				if (phase->tracks[k].phases[j].faulty)
					return true;
	}
	return false;
}

static bool tracks_faulty(const struct script *script, size_t from)
{
	for (size_t i = from; i < script->n_tracks; i++)
		for (size_t k = 0; k < script->tracks[i].n; k++)
			if (script->tracks[i].phases[k].faulty)
				return true;
	return false;
}

static void note_off(struct phases *p)
{
	if (p->on >= 0 && p->off < 0 && !p->leases.n && !faults_left(p->track) &&
	    !tracks_faulty(p->script, p->track_at + 1))
		p->off = p->now;
}

static void put_back(struct phases *p)
{
	leases_remove_all(&p->leases);
	for (size_t i = 0; i < p->n_moved; i++)
		act(p, ACT_BACKEND_BACK, p->moved[i], "");
	p->n_moved = 0;
}

static void finish(struct phases *p)
{
	if (p->track)
		track_tire(p->track);
	track_clear(p, p->track);
	put_back(p);
	track_free(p->track);
	p->track = NULL;
	p->track_at = p->script->n_tracks;
	note_off(p);
}

/* The last track is over: rules of the last phase stay until all is well, if the cure is to
 * reconnect. */
static void tracks_end(struct phases *p)
{
	if (p->script->scenario->reconnects && p->state == PHASES_RUN && !*p->inconclusive) {
		p->state = PHASES_LINGER;
		return;
	}
	finish(p);
}

static void tracks_tick(struct phases *p)
{
	bool over = p->track && track_tick(p, p->track);

	while (over && !*p->inconclusive && p->track_at + 1 < p->script->n_tracks)
		over = track_follow(p, &p->track, &p->script->tracks[++p->track_at]);
	if (over)
		tracks_end(p);
}

enum phases_state phases_tick(struct phases *p, double now)
{
	p->now = now;
	p->look = INFINITY;
	if (p->state == PHASES_RUN) {
		tracks_tick(p);
		if (*p->inconclusive)
			finish(p);
		if (p->state == PHASES_RUN)
			track_clear(p, p->track);
		note_off(p);
	}
	if (p->state == PHASES_RUN && !p->track && !p->running)
		p->state = PHASES_OVER;
	leases_renew(&p->leases, now);
	return p->state;
}

double phases_next(const struct phases *p)
{
	return leases_next(&p->leases, p->look);
}

struct phases *phases_start(const struct script *script, const struct phases_calls *calls,
                            void *user, double now)
{
	struct phases *p = xcalloc(1, sizeof *p);

	p->script = script;
	p->calls = calls;
	p->user = user;
	p->begun = now;
	p->on = p->off = -1;
	p->leases = (struct leases){ .calls = &calls->rules, .user = user };
	p->track = track_make(&script->tracks[0], now);
	p->current = "";
	phases_tick(p, now);
	return p;
}

void phases_free(struct phases *p)
{
	track_free(p->track);
	leases_free(&p->leases);
	free(p->moved);
	free(p->commands);
	free(p);
}

void phases_cured(struct phases *p, double now)
{
	if (p->state != PHASES_LINGER)
		return;
	p->now = now;
	for (size_t i = 0; i < p->script->n_proxies; i++)
		act(p, ACT_RESET_OLD, p->script->proxies[i]->name, "");
	p->state = PHASES_RUN;
	finish(p);
	phases_tick(p, now);
}

void phases_stop(struct phases *p, double now)
{
	if (p->state == PHASES_OVER)
		return;
	p->now = now;
	if (p->track)
		finish(p);
	p->state = PHASES_OVER;
}

void phases_ran(struct phases *p, unsigned run, int exit_code, double now)
{
	char text[300], seen[32];
	struct expect_report report = { p->current, text, { "", 0 }, !exit_code, true, seen, now };

	if (!run || run > p->runs)
		return;
	p->running -= p->running > 0;
	p->failed |= exit_code;
	snprintf(text, sizeof text, "run %s", p->commands[run - 1]);
	snprintf(seen, sizeof seen, "exit code %d", exit_code);
	p->calls->expectation(p->user, &report);
}

double phases_on(const struct phases *p)
{
	return p->on;
}

double phases_off(const struct phases *p)
{
	return p->off;
}

const char *phases_inconclusive(const struct phases *p)
{
	return *p->inconclusive ? p->inconclusive : NULL;
}

bool phases_expectations_hold(const struct phases *p)
{
	return !p->failed;
}

const char *phases_current(const struct phases *p)
{
	return p->current;
}
