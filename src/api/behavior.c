/* behavior.c - Vaurien's routes for a proxy's behavior and backend, and for what is running. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/legs.h"
#include "api/pieces.h"
#include "api/router.h"
#include "api/servers.h"
#include "api/warning.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/blackhole.h"
#include "plugins/plugin.h"
#include "spec/registry.h"
#include "spec/schema.h"
#include "tls/ca.h"

/* ---- /behavior, /behaviors ---- */

static void get_behavior(struct request *r)
{
	request_answer(r, 200, spec_behavior_json(request_spec(r)));
}

static void get_behaviors(struct request *r)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);
	json_t *names = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(names, json_text(all[i]->name));
	request_answer(r, 200, json_pack("{s:o}", "behaviors", names));
}

/* A name that is not a string: it is shown as JSON. */
static void refuse_name(struct request *r, const json_t *name)
{
	char sentence[ERROR_MAX], *text = json_dumps(name, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	error_format(sentence, "the '%.200s' behavior does not exist", text ? text : "");
	request_error(r, 400, "body", "name", sentence);
	free(text);
}

/* How many open connections the parser has given up on. */
static uint64_t raw_connections(const struct proxy *p)
{
	struct totals t;

	proxy_totals(p, &t);
	return totals_open(&t, STAT_RAW, STAT_RAW_CLOSED);
}

static void behavior_change(struct request *r, const char *name, const json_t *options)
{
	const struct spec *from = request_spec(r);
	const char *culprit = "name";
	char error[ERROR_MAX] = "";
	struct spec *to = spec_with_behavior(from->defaults, from, name, options, &culprit, error);

	if (!to) {
		request_error(r, 400, "body", culprit, error);
		return;
	}
	json_t *answer = json_pack("{s:s}", "status", "ok");
	uint64_t raw = raw_connections(request_proxy(r));
	if (raw && spec_needs_messages(to))     /* it cannot strike those: they have no messages */
		json_object_set_new(answer, "unreachable", json_integer((json_int_t)raw));
	if (!request_checks_only(r))
		log_info("Handler changed to \"%s\"", to->behavior);
	rules_warn(request_proxy(r), to, RULE_GROUP, answer, !request_checks_only(r));
	request_change(r, request_proxy(r), to, 200, answer);
}

static void put_behavior(struct request *r)
{
	json_t *object = request_object(r);

	if (!object)
		return;
	const json_t *name = json_object_get(object, "name");
	if (!name)
		request_error(r, 400, "body", "", "the value should contain a \"name\" key");
	else if (!json_is_string(name))
		refuse_name(r, name);
	else
		behavior_change(r, json_string_value(name), object);
	json_decref(object);
}

/* Guests are fixed while the program runs, and making such a text takes milliseconds. */
static void answer_constant(struct request *r, char *text[1], json_t *(*make)(void))
{
	if (!text[0]) {
		json_t *all = make();
		text[0] = xalloced(json_dumps(all, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)));
		json_decref(all);
	}
	request_answer_text(r, 200, TYPE_JSON, xstrdup(text[0]), strlen(text[0]));
}

static json_t *failures_json(void)
{
	return json_pack("{s:o}", "failures", schema_failures_json());
}

static void get_failures(struct request *r)
{
	static char *text[1];

	answer_constant(r, text, failures_json);
}

static void get_schema(struct request *r)
{
	static char *text[1];

	answer_constant(r, text, schema_json);
}

/* ---- /backend ---- */

static void get_backend(struct request *r)
{
	const struct spec *s = request_spec(r);

	request_answer(r, 200, json_pack("{s:o}", "backend", json_text(s->backend.text)));
}

static void put_backend(struct request *r)
{
	json_t *object = request_object(r);
	char error[ERROR_MAX] = "expected HOST:PORT";
	struct spec *to = NULL;

	if (!object)
		return;
	const json_t *backend = json_object_get(object, "backend");
	if (json_is_string(backend))
		to = spec_with_backend(request_spec(r), json_string_value(backend), error);
	if (to)
		request_change(r, request_proxy(r), to, 200, json_pack("{s:s}", "status", "ok"));
	else if (backend)
		request_error(r, 400, "body", "backend", error);
	else
		request_error(r, 400, "body", "backend",
		              "the value should contain a \"backend\" key");
	json_decref(object);
}

/* ---- /info ---- */

static json_t *info_proxy(const struct proxy *p)
{
	const struct spec *s = proxy_spec(p);
	struct totals t;

	proxy_totals(p, &t);
	json_t *all = json_pack("{s:o, s:o, s:b, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I}",
	                 "name", json_text(s->name), "listen", json_text(s->listen.text),
	                 "listening", proxy_listening(p), "backend", json_text(s->backend.text),
	                 "protocol", s->protocol->name, "behavior", json_text(s->behavior),
	                 "connections", (json_int_t)totals_open(&t, STAT_OPENED, STAT_CLOSED),
	                 "raw", (json_int_t)totals_open(&t, STAT_RAW, STAT_RAW_CLOSED),
	                 "opened", (json_int_t)t.n[STAT_OPENED],
	                 "exchanges", (json_int_t)t.n[STAT_EXCHANGES],
	                 "waiting", (json_int_t)totals_waiting(&t));
	if (s->client_tls)
		json_object_set_new(all, "client_tls",
		                    json_string(s->client_tls->must ? "require" : "on"));
	legs_to_json(s, &t, all);
	servers_to_json(p, all);
	if (s->gate)
		json_object_set_new(all, "discovered", json_boolean(s->gate->discovered));
	return all;
}

struct info {                           /* the answer to GET /info */
	struct pieces pieces;
	struct control *control;
	unsigned last;                  /* number of the proxy that was written last; 0: none yet */
};

/* The seed is a string: it has 64 bits, and many JSON parsers keep 53. */
static void info_begin(const struct info *all, FILE *to)
{
	const struct settings *s = control_settings(all->control);

	vn_nsec now = clock_real();

	fprintf(to, "{\"name\": \"vaurien\", \"version\": \"%s\", \"seed\": \"%" PRIu64 "\","
	            " \"time\": %" PRId64 ".%06" PRId64 ", \"threads\": %" PRId64
	            ", \"vanish\": \"%s\"",
	        VAURIEN_VERSION, s->seed, now / VN_S, now % VN_S / VN_US, s->threads,
	        blackhole_possible() ? "filter" : "stall");
	if (tls_ca_path()) {
		fputs(", \"ca\": ", to);
		json_put(to, json_text(tls_ca_path()));
	}
	fputs(", \"proxies\": [", to);
}

static bool info_next(struct pieces *p, FILE *to)
{
	struct info *all = OWNER(info, pieces, p);
	const struct proxy *next = proxy_made_after(control_proxies(all->control), all->last);
	bool first = !all->last;

	if (first)
		info_begin(all, to);
	if (!next) {
		fputs("], \"plugins\": ", to);
		json_put(to, plugins_json());
		fputc('}', to);
		return false;
	}
	if (!first)
		fputs(", ", to);
	json_put(to, info_proxy(next));
	all->last = proxy_number(next);
	return true;
}

static void info_gone(struct pieces *p)
{
	free(OWNER(info, pieces, p));
}

static void get_info(struct request *r)
{
	struct info *all = xcalloc(1, sizeof *all);

	all->pieces = (struct pieces){ info_next, info_gone };
	all->control = request_control(r);
	request_pieces(r, 200, TYPE_JSON, &all->pieces);
}

static const struct route routes[] = {
	{ "PUT", "/behavior",  put_behavior,  true },
	{ "GET", "/behavior",  get_behavior,  true },
	{ "GET", "/behaviors", get_behaviors, true, .needs_none = true },
	{ "GET", "/failures",  get_failures,  false },
	{ "GET", "/schema",    get_schema,    false },
	{ "PUT", "/backend",   put_backend,   true },
	{ "GET", "/backend",   get_backend,   true },
	{ "GET", "/info",      get_info,      false },
	{ NULL },
};

DIALECT(vaurien, .routes = routes)
