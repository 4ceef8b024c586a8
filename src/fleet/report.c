/* report.c - what a member tells the fleet: itself, and what became of the rules. */
#include "fleet/report.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fleet/apply.h"

enum {
	/* proxies told with their addresses; of more the names only */
	WHOLE_MAX   = 1000,
	PROXIES_MAX = 12000,            /* told at all: etcd takes 1.5 MB */
	WHY_MAX     = 4,                /* sentences of one rule */
};

static json_t *proxy_report(const struct spec *s, bool whole)
{
	json_t *row = json_pack("{s:s, s:s}", "name", s->name, "protocol", s->protocol->name);

	if (row && whole) {
		json_object_set_new(row, "listen", json_string(s->listen.text));
		json_object_set_new(row, "backend", json_string(s->backend.text));
	}
	return row;
}

char *member_report(struct control *c, const json_t *labels, const char *api)
{
	size_t n = control_proxy_count(c);
	json_t *proxies = json_array();

	for (size_t i = 0; i < n && i < PROXIES_MAX; i++)
		json_array_append_new(proxies, proxy_report(proxy_spec(control_proxy(c, i)),
		                                            n <= WHOLE_MAX));
	json_t *all = json_pack("{s:O, s:s, s:s?, s:o}", "labels", labels, "version",
	                        VAURIEN_VERSION, "api", api, "proxies", proxies);
	char *text = xalloced(json_dumps(all, JSON_COMPACT));
	json_decref(all);
	return text;
}

uint64_t member_mark(struct control *c)
{
	uint64_t mark = control_proxy_count(c);

	for (size_t i = 0; i < control_proxy_count(c); i++)
		mark = (mark ^ (uintptr_t)proxy_spec(control_proxy(c, i))) * 0x100000001b3;
	return mark;
}

static uint64_t count(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

struct sums { json_int_t applied, refused, seen, hits, unreachable; json_t *why; };

static void sum(struct control *c, const struct fleet_rule *r, const struct trial *t,
                struct sums *s)
{
	struct proxy *p = control_numbered(c, t->proxy);
	const struct rule_spec *rule = p ? fleet_made(p, r) : NULL;

	if (rule) {
		s->applied++;
		s->seen += (json_int_t)count(&rule->counters->seen);
		s->hits += (json_int_t)count(&rule->counters->hits);
		s->unreachable += (json_int_t)count(&rule->counters->unreachable);
	} else if (p && t->why) {
		s->refused++;
		if (json_object_size(s->why) < WHY_MAX)
			json_object_set_new(s->why, proxy_spec(p)->name, json_string(t->why));
	}
}

static json_t *rule_report(struct control *c, const struct fleet_rule *r)
{
	struct sums s = { .why = json_object() };

	if (r->error) {
		json_decref(s.why);
		return json_pack("{s:s}", "error", r->error);
	}
	for (size_t i = 0; i < r->n; i++)
		sum(c, r, &r->trials[i], &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "applied", s.applied, "refused",
	                 s.refused, "seen", s.seen, "hits", s.hits, "unreachable", s.unreachable,
	                 "why", s.why);
}

char *status_report(struct control *c, const struct fleet_rule *rules, size_t n)
{
	json_t *all = json_object();

	for (size_t i = 0; i < n; i++)
		if (!rules[i].gone && (rules[i].n || rules[i].error))
			json_object_set_new(all, rules[i].id, rule_report(c, &rules[i]));
	json_t *report = json_pack("{s:o}", "rules", all);
	char *text = xalloced(json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS));
	json_decref(report);
	return text;
}
