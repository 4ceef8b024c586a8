/* behavior.c - Vaurien's routes for a proxy's behavior and backend, and for what is running. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/router.h"
#include "base/json.h"
#include "base/log.h"
#include "net/blackhole.h"
#include "plugins/plugin.h"
#include "spec/failure.h"
#include "spec/registry.h"

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
	log_info("Handler changed to \"%s\"", to->behavior);
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

/* Those of all protocols; each names its protocol. */
static void get_failures(struct request *r)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	json_t *all_failures = json_array();

	for (size_t i = 0; i < n; i++)
		for (const struct vn_failure *f = all[i]->failures; f && f->name; f++)
			if (f->moments)
				json_array_append_new(all_failures, failure_json(f, all[i]));
	request_answer(r, 200, json_pack("{s:o}", "failures", all_failures));
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
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:I, s:I}", "name", json_text(s->name),
	                 "listen", json_text(s->listen.text), "backend", json_text(s->backend.text),
	                 "protocol", s->protocol->name, "behavior", json_text(s->behavior),
	                 "connections", (json_int_t)totals_open(&t, STAT_OPENED, STAT_CLOSED),
	                 "raw", (json_int_t)totals_open(&t, STAT_RAW, STAT_RAW_CLOSED));
}

static void get_info(struct request *r)
{
	struct control *c = request_control(r);
	const struct settings *s = control_settings(c);
	json_t *proxies = json_array();

	for (size_t i = 0; i < control_proxy_count(c); i++)
		json_array_append_new(proxies, info_proxy(control_proxy(c, i)));
	/* The seed is a string: it has 64 bits, and many JSON parsers keep 53. */
	request_answer(r, 200, json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:o}",
	                                 "name", "vaurien", "version", VAURIEN_VERSION,
	                                 "seed", json_sprintf("%" PRIu64, s->seed),
	                                 "threads", (json_int_t)s->threads,
	                                 "vanish", blackhole_possible() ? "filter" : "stall",
	                                 "proxies", proxies, "plugins", plugins_json()));
}

static const struct route routes[] = {
	{ "PUT", "/behavior",  put_behavior,  true },
	{ "GET", "/behavior",  get_behavior,  true },
	{ "GET", "/behaviors", get_behaviors, true, .needs_none = true },
	{ "GET", "/failures",  get_failures,  false },
	{ "PUT", "/backend",   put_backend,   true },
	{ "GET", "/backend",   get_backend,   true },
	{ "GET", "/info",      get_info,      false },
	{ NULL },
};

DIALECT(vaurien, .routes = routes)
