/* announce.c - the first lines of the log: what listens where, and what to type next. */
#include "control/announce.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "spec/registry.h"
#include "spec/rule_warning.h"

/* ---- the proxies ---- */

/* A backend on the port of a server that has a protocol here, but carried as tcp. */
static void hint_log(const struct spec *s)
{
	static const struct { int port; const char *protocol; } known[] = {
		{ 3306, "mysql" }, { 5432, "postgres" }, { 6379, "redis" }, { 11211, "memcache" },
		{ 25, "smtp" }, { 80, "http" }, { 27017, "mongo" }, { 53, "dns" },
		{ 9092, "kafka" },
	};

	if (s->protocol->request)
		return;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (s->backend.port == known[i].port && protocol_find(known[i].protocol))
			log_info("%s: port %d is usually %s; with --protocol %s faults can hit "
			         "single requests and send real errors", s->name, known[i].port,
			         known[i].protocol, known[i].protocol);
}

static unsigned rules_beside(const struct spec *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_rules; i++)
		n += !rule_in_group(&s->rules[i]);
	return n;
}

/* "db: mysql on 0.0.0.0:3307 -> 127.0.0.1:3306, 10:delay, 2 rules" */
static void proxy_log(const struct spec *s)
{
	unsigned others = rules_beside(s);
	char rules[32] = "";

	if (others)
		snprintf(rules, sizeof rules, ", %u %s", others, others == 1 ? "rule" : "rules");
	log_info("%s: %s on %s -> %s, %s%s%s", s->name, s->protocol->name, s->listen.text,
	         s->backend.text, s->behavior, rules, s->enabled ? "" : ", disabled");
}

static void warnings_log(const struct spec *s)
{
	char warning[ERROR_MAX];

	for (unsigned i = 0; i < s->n_rules; i++)
		if (rule_warning(&s->rules[i], 0, warning))
			log_warning("proxy=%s rule=%s %s", s->name, s->rules[i].name, warning);
}

/* ---- the options: those that change something ---- */

static void options_log(const struct settings *s)
{
	log_info("Options:");
	if (s->given.timeout)
		log_info("* timeout: %.15g", s->timeout);
	if (s->stay_connected)
		log_info("* stay_connected: 1");
	if (s->given.pool_max_size)
		log_info("* pool_max_size: %lld", (long long)s->pool_max_size);
	log_info("* seed: %llu", (unsigned long long)s->seed);
}

void announce_start(const struct settings *s)
{
	log_info("Starting the Chaos TCP Server");
	for (size_t i = 0; i < s->n_proxies; i++)
		proxy_log(s->proxies[i]);
	options_log(s);
	for (size_t i = 0; i < s->n_proxies; i++) {
		warnings_log(s->proxies[i]);
		if (!s->dialect)        /* Toxiproxy has no protocols */
			hint_log(s->proxies[i]);
	}
}

/* ---- the API ---- */

static bool is_calm(const struct settings *s)
{
	bool calm = true;

	for (size_t i = 0; i < s->n_proxies; i++)
		calm &= !s->proxies[i]->n_rules;
	return calm;
}

void announce_api(const struct settings *s, const char *where, const char *options)
{
	const char *token = *s->http_token ? " --token TOKEN" : "", *next = "status";

	if (!s->run && !s->n_proxies)
		next = "create db --listen localhost:3307 --upstream localhost:3306";
	else if (!s->run && is_calm(s))
		next = "rule add delay sleep=2s";

	log_info("Started the HTTP server: %s", where);
	if (!strncmp(where, "http:", 5))
		log_info("The page for a browser: %s/ui/", where);
	log_info("Next: vaurienctl%s%s %s", options, token, next);
}

void announce_no_api(void)
{
	log_info("No HTTP server: with --http, vaurienctl can change the faults meanwhile");
}
