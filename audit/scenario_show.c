/* scenario_show.c - scenarios as text: the list of all, and one as a file to start from. */
#include <string.h>

#include "audit/scenario.h"
#include "audit/scenario_rule.h"
#include "spec/registry.h"

/* ---- the list ---- */

/* "mysql, postgres", "all"; cut to fit. "": none, with or without TLS. */
static void protocols_show(const struct scenarios *all, const struct scenario *s, bool tls,
                           char *buffer, size_t size)
{
	size_t n, fit = 0;
	const struct vn_protocol *const *p = protocols_all(&n);
	char why[ERROR_MAX];

	*buffer = '\0';
	for (size_t i = 0; i < n; i++) {
		struct scenario_proxy proxy = { p[i]->name, p[i], true, true, tls };
		if (!scenario_fits(all, s, &proxy, why))
			continue;
		text_add(buffer, size, "%s%s", *buffer ? ", " : "", p[i]->name);
		fit++;
	}
	if (fit == n)
		snprintf(buffer, size, "all");
}

static void line_show(const struct scenarios *all, const struct scenario *s, FILE *to)
{
	static const char letters[] = { 'q', 'd', 'a', ' ' };
	char protocols[100], with_tls[100] = "";

	protocols_show(all, s, false, protocols, sizeof protocols);
	if (!*protocols)
		protocols_show(all, s, true, with_tls, sizeof with_tls);
	fprintf(to, "  %c  %-16s %s\n", letters[s->set], s->name,
	        *s->question ? s->question : s->name);
	if (*with_tls)
		fprintf(to, "     %-16s (%s, with client_tls)\n", "", with_tls);
	else if (strcmp(protocols, "all") != 0)
		fprintf(to, "     %-16s (%s)\n", "", *protocols ? protocols : "no protocol");
}

void scenarios_list(const struct scenarios *all, FILE *to)
{
	const char *group = "";

	fputs("q: in --faults quick, default and all; d: in default and all; a: in all\n", to);
	for (size_t i = 0; i < all->n; i++) {
		const struct scenario *s = all->at[i];
		const char *own = s->built_in ? s->group : s->place.file;
		if (strcmp(group, own) != 0)
			fprintf(to, "\n%s\n", own);
		group = own;
		line_show(all, s, to);
	}
}

/* ---- one as a file ---- */

static void span_show(FILE *to, const char *key, const struct span *span)
{
	if (span->letter)
		fprintf(to, "%s = %c\n", key, span->letter);
	else if (span->seconds < 1 && span->seconds > 0)
		fprintf(to, "%s = %.6gms\n", key, span->seconds * 1000);
	else
		fprintf(to, "%s = %.6gs\n", key, span->seconds);
}

static void deeds_show(FILE *to, const struct phase *p)
{
	for (size_t i = 0; i < p->n_deeds; i++)
		fprintf(to, "do = %s%s%s\n", deed_names[p->deeds[i].kind],
		        *p->deeds[i].text ? " " : "", p->deeds[i].text);
}

static void text_show(FILE *to, const char *key, const char *text)
{
	if (text && *text)
		fprintf(to, "%s = %s\n", key, text);
}

static void phase_show(FILE *to, const struct phase *p, const struct scenario_proxy *proxy)
{
	char why[ERROR_MAX];

	fprintf(to, "\n[phase:%s]\n", p->name);
	text_show(to, "proxy", p->proxy);
	text_show(to, "when", p->when_text);
	if (p->has_within)
		span_show(to, "within", &p->within);
	if (p->has_after)
		span_show(to, "after", &p->after);
	if (p->has_at)
		span_show(to, "at", &p->at);
	deeds_show(to, p);
	text_show(to, "use", p->use);
	if (p->repeat > 1)
		fprintf(to, "repeat = %u\n", p->repeat);
	for (size_t i = 0; i < p->n_rules; i++) {
		const char *words = phase_rule_pick(&p->rules[i], proxy, why);
		text_show(to, "rule", words ? words : p->rules[i].choices[0]);
	}
	if (p->timed)
		span_show(to, "for", &p->lasts);
	text_show(to, "until", p->until_text);
	if (p->meanwhile)
		fputs("meanwhile = true\n", to);
	for (size_t i = 0; i < p->n_expects; i++)
		text_show(to, "expect", p->expects[i].text);
}

bool scenario_show(const struct scenarios *all, const struct scenario *s,
                   const struct vn_protocol *protocol, FILE *to, char error[ERROR_MAX])
{
	struct scenario_proxy proxy = { protocol->name, protocol, true, true };
	char why[ERROR_MAX];

	proxy.tls = !scenario_fits(all, s, &proxy, why);        /* then it may need client_tls */
	if (proxy.tls && !scenario_fits(all, s, &proxy, why)) {
		error_format(error, "%s does not fit the protocol %s: %s", s->name, protocol->name,
		             why);
		return false;
	}
	fprintf(to, "# T is --fault-time (default 10s), H is --hang-time (default 20s).\n"
	        "[scenario:%s]\n", s->name);
	text_show(to, "question", s->question);
	text_show(to, "summary", s->summary);
	text_show(to, "proxy", s->spread == SPREAD_ALL ? "all" :
	                       s->spread == SPREAD_EACH ? "each" : s->proxy);
	if (s->repeat > 1)
		fprintf(to, "repeat = %u\n", s->repeat);
	text_show(to, "needs", s->needs);
	if (s->reconnects)
		fputs("cure = reconnect\n", to);
	if (s->has_recover_within)
		span_show(to, "recover_within", &s->recover_within);
	for (size_t i = 0; i < s->n_phases; i++)
		phase_show(to, &s->phases[i], &proxy);
	return true;
}
