/* report_html_timeline.c - an experiment's time line as SVG.
 *
 * From top to bottom: labels, the phases, a lane per probe, curves of the connections, the axis. A
 * lane has a mark per sample: its place is when the sample began, its height how long it took, its
 * shape and colour the outcome. Marks that would touch are drawn as one, the worst of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit/report_html_timeline.h"
#include "audit/report_html_text.h"
#include "audit/report_words.h"
#include "base/memory.h"
#include "base/text.h"

enum {
	LEFT = 150, RIGHT = 16, LABEL_ROWS = 2, LABEL_HEIGHT = 14, STRIP = 18, LANE = 46,
	MARK_HEIGHT = 24, CURVE = 46, CURVE_HEIGHT = 28, AXIS = 22,
	CHARACTER = 7,                  /* width of a character of labels, at most */
	NAME_MAX_CHARACTERS = 18,
	LONGEST = 30 * 24 * 3600,       /* seconds that are drawn; no run is so long */
};

struct timeline {
	FILE *to;
	const json_t *report, *experiment;
	double from, until;             /* the seconds that are shown */
	double zero;                    /* t_on: the axis counts from it */
	double ill, well;               /* the fault: on and off; recovery counts from `well` */
	double gap;
	double y;                       /* where the next part begins */
	double height;
	double row_end[LABEL_ROWS];     /* where the last label of a row ends */
};

static double place(const struct timeline *t, double at)
{
	double share = (at - t->from) / (t->until - t->from);

	return LEFT + fmin(fmax(share, 0), 1) * (TIMELINE_WIDTH - RIGHT - LEFT);
}

/* ---- what is shown ---- */

static double last_sample(const json_t *experiment)
{
	double last = NAN;
	size_t i, k;
	const json_t *cell, *sample;

	json_array_foreach(json_object_get(experiment, "probes"), i, cell)
		json_array_foreach(json_object_get(cell, "samples"), k, sample)
			last = fmax(last, json_number_value(json_array_get(sample, 0)));
	return last;
}

/* As much before the fault as helps to compare; all of it after. */
static bool frame(struct timeline *t)
{
	const json_t *e = t->experiment;
	double begun = report_number(e, "begun"), end = report_number(e, "end");

	t->zero = t->ill = report_number(e, "t_on");
	t->well = report_number(e, "t_off");
	if (isnan(end))
		end = last_sample(e);
	if (isnan(t->well))
		t->well = end;
	if (isnan(t->zero) || isnan(end) || end <= t->zero)
		return false;
	t->from = t->zero - fmin(10, fmax(3, (end - t->zero) / 4));
	if (!isnan(begun))
		t->from = fmax(t->from, begun);
	t->until = end;
	return t->until - t->from > 0.001 && t->until - t->from < LONGEST;
}

/* ---- labels and lines ---- */

/* Writes a label beside x in the first row with room for it. None has: the line alone is left. */
static void label(struct timeline *t, double x, const char *class, const char *text, bool before)
{
	double width = (double)strlen(text) * CHARACTER;
	double begin = before || x + width > TIMELINE_WIDTH ? x - 4 - width : x + 4;

	for (int row = 0; row < LABEL_ROWS; row++) {
		if (begin < t->row_end[row])
			continue;
		t->row_end[row] = begin + width + 6;
		fprintf(t->to, "<text class=\"%s\" x=\"%.1f\" y=\"%d\"%s>", class,
		        begin == x + 4 ? begin : begin + width, row * LABEL_HEIGHT + 11,
		        begin == x + 4 ? "" : " text-anchor=\"end\"");
		html_text(t->to, text);
		fputs("</text>\n", t->to);
		return;
	}
}

static void upright(struct timeline *t, double at, const char *class, const char *label_class,
                    const char *text, bool before)
{
	double x = place(t, at);

	fprintf(t->to, "<line class=\"at %s\" x1=\"%.1f\" y1=\"4\" x2=\"%.1f\" y2=\"%.0f\"/>\n",
	        class, x, x, t->height - AXIS);
	label(t, x, label_class, text, before);
}

static void events_draw(struct timeline *t)
{
	double strike = report_number(t->experiment, "t_strike");
	char text[64], figure[FIGURE_MAX];

	upright(t, t->zero, "begin", "on", "fault on", true);
	if (strike - t->zero > 0.2) {
		snprintf(text, sizeof text, "struck after %s",
		         report_seconds(strike - t->zero, figure));
		upright(t, strike, "begin", "on", text, false);
	}
	if (!isnan(report_number(t->experiment, "t_off"))) {
		snprintf(text, sizeof text, "fault off, %s",
		         report_seconds(t->well - t->zero, figure));
		upright(t, t->well, "end", "off", text, false);
	}
	t->y = LABEL_ROWS * LABEL_HEIGHT + 4;
}

static void phase_draw(struct timeline *t, const json_t *phase)
{
	double begun = report_number(phase, "begun"), ended = report_number(phase, "ended");
	const char *name = report_text(phase, "name");
	char figure[FIGURE_MAX];

	if (isnan(begun) || !report_true(phase, "fault"))
		return;
	if (isnan(ended))
		ended = t->until;
	double x = place(t, begun), width = fmax(place(t, ended) - x, 1);
	fprintf(t->to, "<rect class=\"ph\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\"/>"
	        "<g><title>", x, t->y + STRIP, width, t->height - AXIS - t->y - STRIP);
	html_text(t->to, name);
	fprintf(t->to, ", %s</title><rect class=\"strip\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\""
	        " height=\"%d\"/>", report_seconds(ended - begun, figure), x, t->y, width, STRIP);
	if ((double)strlen(name) * CHARACTER + 6 < width) {
		fprintf(t->to, "<text class=\"phn\" x=\"%.1f\" y=\"%.0f\">", x + 4, t->y + 13);
		html_text(t->to, name);
		fputs("</text>", t->to);
	}
	fputs("</g>\n", t->to);
}

static void phases_draw(struct timeline *t)
{
	size_t i;
	const json_t *phase;

	json_array_foreach(json_object_get(t->experiment, "phases"), i, phase)
		phase_draw(t, phase);
	t->y += STRIP + 6;
}

/* The name at the left of a lane or curve, with the whole of it as a tool tip. */
static void lane_name(struct timeline *t, double y, const char *class, const char *sign,
                      const char *name)
{
	char *cut = xalloced(strdup(name)), *end = cut;
	unsigned n = 0;

	for (; *end; end++)
		if (((unsigned char)*end & 0xc0) != 0x80 && n++ == NAME_MAX_CHARACTERS)
			break;
	bool whole = !*end;
	*end = 0;
	fprintf(t->to, "<text class=\"name\" x=\"0\" y=\"%.0f\"><title>", y);
	html_text(t->to, name);
	fprintf(t->to, "</title><tspan class=\"%s\" style=\"fill:currentColor\">%s</tspan> ", class,
	        sign);
	html_text(t->to, cut);
	fprintf(t->to, "%s</text>\n", whole ? "" : "…");
	free(cut);
}

/* ---- lanes of probes ---- */

/* From harmless to bad: where marks touch, the worst is drawn. */
enum shape { OK, SKIPPED, SLOW, ERROR, DOWN, TIMEOUT, SHAPES };

static const char *const shapes[SHAPES] = { "ok", "skipped", "slow", "error", "down", "timeout" };

struct mark { double x, height; enum shape shape; };

static enum shape shape_of(const char *outcome)
{
	enum shape s = OK;

	while (outcome && s < SHAPES && strcmp(outcome, shapes[s]))
		s++;
	return s < SHAPES ? s : ERROR;
}

static size_t marks_make(const struct timeline *t, const json_t *samples, double timeout,
                         struct mark *marks)
{
	size_t i, n = 0;
	const json_t *sample;

	json_array_foreach(samples, i, sample) {
		double at = json_number_value(json_array_get(sample, 0));
		double took = json_number_value(json_array_get(sample, 1));
		struct mark m = { .x = place(t, at),
			.height = 3 + (MARK_HEIGHT - 3) * sqrt(fmin(fmax(took / timeout, 0), 1)),
			.shape = shape_of(json_string_value(json_array_get(sample, 2))) };

		if (at < t->from || at > t->until)
			continue;
		if (n && m.x - marks[n - 1].x < t->gap) {
			if (m.shape > marks[n - 1].shape ||
			    (m.shape == marks[n - 1].shape && m.height > marks[n - 1].height)) {
				marks[n - 1].shape = m.shape;
				marks[n - 1].height = m.height;
			}
			continue;
		}
		marks[n++] = m;
	}
	return n;
}

static void mark_draw(FILE *to, const struct mark *m, double y)
{
	double h = round(m->height);

	switch (m->shape) {
	case SLOW:
		fprintf(to, "M%.1f %.0fv-%.0fm-2 0h4", m->x, y, h);
		break;
	case ERROR:
		fprintf(to, "M%.1f %.0fv-%.0fm-3 -6l6 6m-6 0l6 -6", m->x, y, h);
		break;
	case TIMEOUT:
		fprintf(to, "M%.1f %.0fv-%.0fh4v%.0fz", m->x - 2, y, h, h);
		break;
	case DOWN:
		fprintf(to, "M%.1f %.0fh7l-3.5 8z", m->x - 3.5, y - 8);
		break;
	case SKIPPED:
		fprintf(to, "M%.1f %.0fh.1", m->x, y - 2);
		break;
	default:
		fprintf(to, "M%.1f %.0fv-%.0f", m->x, y, h);
	}
}

static void recovery_draw(struct timeline *t, const json_t *cell, double top, double bottom)
{
	bool reconnect = !strcmp(report_text(t->experiment, "cure"), "reconnect");
	double recover = report_number(cell, "recover");
	char figure[FIGURE_MAX];

	if (isnan(recover) || recover < 0.05)
		return;
	double x = place(t, (reconnect ? t->zero : t->well) + recover);
	bool before = x > TIMELINE_WIDTH - 110;
	fprintf(t->to, "<line class=\"at back\" x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\"/>"
	        "<text class=\"off\" x=\"%.1f\" y=\"%.0f\"%s>back after %s</text>\n", x, top, x,
	        bottom, before ? x - 4 : x + 4, top + 10, before ? " text-anchor=\"end\"" : "",
	        report_seconds(recover, figure));
}

static void lane_draw(struct timeline *t, const json_t *cell)
{
	const json_t *samples = json_object_get(cell, "samples");
	const char *name = report_text(cell, "name");
	const struct report_mark *verdict = &report_marks[report_mark(cell, "verdict")];
	double timeout = report_number(report_named(json_object_get(t->report, "probes"), name),
	                               "timeout");
	struct mark *marks = xmalloc((json_array_size(samples) + 1) * sizeof *marks);
	size_t n = marks_make(t, samples, timeout > 0 ? timeout : 5, marks);
	double bottom = t->y + LANE - 6;

	lane_name(t, bottom - 4, verdict->word, verdict->sign, name);
	fprintf(t->to, "<line class=\"grid\" x1=\"%d\" y1=\"%.0f\" x2=\"%d\" y2=\"%.0f\"/>\n",
	        LEFT, bottom + .5, TIMELINE_WIDTH - RIGHT, bottom + .5);
	for (enum shape s = OK; s < SHAPES; s++) {
		bool any = false;

		for (size_t i = 0; i < n; i++) {
			if (marks[i].shape != s)
				continue;
			if (!any)
				fprintf(t->to, "<path class=\"s %s\" d=\"", shapes[s]);
			any = true;
			mark_draw(t->to, &marks[i], bottom);
		}
		if (any)
			fputs("\"/>\n", t->to);
	}
	recovery_draw(t, cell, t->y, bottom);
	free(marks);
	t->y += LANE;
}

/* ---- curves ---- */

static double point(const json_t *pair, size_t i)
{
	return json_number_value(json_array_get(pair, i));
}

static double highest(const struct timeline *t, const json_t *points)
{
	double most = 0;
	size_t i;
	const json_t *pair;

	json_array_foreach(points, i, pair)
		if (point(pair, 0) <= t->until)
			most = fmax(most, point(pair, 1));
	return most;
}

/* A curve that is drawn from left to right. What happens within one `gap` is drawn at one place: up
 * to the highest, then to the last. */
struct curve {
	FILE *to;
	double bottom, most;
	double x, level, peak;          /* where it is, and what has not been drawn there */
	bool begun;
};

static double curve_y(const struct curve *c, double value)
{
	return c->bottom - CURVE_HEIGHT * value / fmax(c->most, 1);
}

static void curve_begin(struct curve *c, double x)
{
	fprintf(c->to, "M%.1f %.1f", x, curve_y(c, c->level));
	c->x = x;
	c->begun = true;
}

static void curve_go(struct curve *c, double x)
{
	if (c->peak > c->level)
		fprintf(c->to, "V%.1f", curve_y(c, c->peak));
	fprintf(c->to, "V%.1fH%.1f", curve_y(c, c->level), x);
	c->x = x;
	c->peak = c->level;
}

static void steps_draw(struct timeline *t, const json_t *points, double most, double bottom)
{
	struct curve c = { .to = t->to, .bottom = bottom, .most = most };
	bool before = false;            /* a point before the frame has the level */
	size_t i;
	const json_t *pair;

	fputs("<path class=\"step\" d=\"", t->to);
	json_array_foreach(points, i, pair) {
		double at = point(pair, 0), x = place(t, at), value = fmax(point(pair, 1), 0);

		if (at > t->until)
			break;
		if (at > t->from && !c.begun && before)
			curve_begin(&c, LEFT);
		if (c.begun && x - c.x >= t->gap / 2)
			curve_go(&c, x);
		c.level = value;
		c.peak = c.begun ? fmax(c.peak, value) : value;
		if (at > t->from && !c.begun)
			curve_begin(&c, x);
		before = true;
	}
	if (before && !c.begun)
		curve_begin(&c, LEFT);
	if (c.begun)
		curve_go(&c, place(t, t->until));
	fputs("\"/>\n", t->to);
}

/* A tick for each second in which connections were opened. */
static void ticks_draw(struct timeline *t, const json_t *points, double bottom)
{
	double last = -1;
	size_t i;
	const json_t *pair;

	fputs("<path class=\"tick\" d=\"", t->to);
	json_array_foreach(points, i, pair) {
		double at = point(pair, 0), x = place(t, at);

		if (point(pair, 1) < 1 || at < t->from || at > t->until || x - last < 2)
			continue;
		fprintf(t->to, "M%.1f %.0fv6", x, bottom);
		last = x;
	}
	fputs("\"/>\n", t->to);
}

static void curve_draw(struct timeline *t, const char *key, const char *name)
{
	const json_t *series = json_object_get(t->experiment, "series");
	const json_t *points = json_object_get(series, key);
	double most = highest(t, points), bottom = t->y + CURVE - 10;
	char text[80];

	if (!json_array_size(points))
		return;
	lane_name(t, bottom - 8, "dim", "", name);
	snprintf(text, sizeof text, "at most %.6g", most);
	fprintf(t->to, "<text x=\"%d\" y=\"%.0f\">%s</text>"
	        "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", 14,
	        bottom + 6, text, LEFT, bottom + .5, TIMELINE_WIDTH - RIGHT, bottom + .5);
	steps_draw(t, points, most, bottom);
	if (!strcmp(key, "open"))
		ticks_draw(t, json_object_get(series, "opened"), bottom);
	t->y += CURVE;
}

/* ---- the axis ---- */

static void axis_draw(struct timeline *t)
{
	static const double steps[] = { .1, .2, .5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800 };
	double range = t->until - t->from, step = 3600;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (range / steps[i] <= 12) {
			step = steps[i];
			break;
		}
	double first = ceil((t->from - t->zero) / step) * step;
	for (double at = first; at <= t->until - t->zero; at += step)
		fprintf(t->to, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s%.4g s</text>"
		        "<line class=\"grid\" x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\"/>\n",
		        fmin(place(t, t->zero + at), TIMELINE_WIDTH - 20), t->height - 4,
		        at > step / 2 ? "+" : "", fabs(at) < step / 2 ? 0 : at,
		        place(t, t->zero + at), t->height - AXIS, place(t, t->zero + at),
		        t->height - AXIS + 5);
}

static const struct { const char *key, *name; } curves[] = {
	{ "open", "connections" }, { "exchanges", "requests/s" }, { "waiting", "requests waiting" },
};

enum { CURVES = sizeof curves / sizeof *curves };

void html_timeline(FILE *to, const json_t *report, const json_t *experiment, double gap)
{
	struct timeline t = { .to = to, .report = report, .experiment = experiment, .gap = gap };
	const json_t *cells = json_object_get(experiment, "probes"), *cell;
	const json_t *series = json_object_get(experiment, "series");
	size_t i;

	if (!frame(&t))
		return;
	t.height = LABEL_ROWS * LABEL_HEIGHT + 4 + STRIP + 6 +
	           (double)json_array_size(cells) * LANE + AXIS;
	for (i = 0; i < CURVES; i++)
		if (json_array_size(json_object_get(series, curves[i].key)))
			t.height += CURVE;
	fprintf(to, "<svg class=\"tl\" viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"Time line"
	        " of ", TIMELINE_WIDTH, t.height);
	html_text(to, report_text(experiment, "outage"));
	fprintf(to, " on ");
	html_text(to, report_text(experiment, "proxy"));
	fputs("\">\n", to);
	events_draw(&t);
	phases_draw(&t);
	json_array_foreach(cells, i, cell)
		lane_draw(&t, cell);
	for (i = 0; i < CURVES; i++)
		curve_draw(&t, curves[i].key, curves[i].name);
	axis_draw(&t);
	fputs("</svg>\n", to);
}
