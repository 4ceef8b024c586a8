/* behavior.c - Vaurien's dialect of the control API: the behavior, the backend, what is running. */
#include "api/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "spec/failure.h"
#include "base/log.h"
#include "plugins/plugin.h"
#include "spec/registry.h"
#include "net/blackhole.h"

static struct spec *request_spec(struct request *r)
{
	return proxy_spec(request_proxy(r));
}

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

/* A name that is no string can't be one of ours: shown as it was written. */
static void refuse_name(struct request *r, const json_t *name)
{
	char sentence[ERROR_MAX], *text = json_dumps(name, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	snprintf(sentence, sizeof sentence, "the '%.200s' behavior does not exist", text ? text : "");
	request_error(r, 400, "body", "name", sentence);
	free(text);
}

static void behavior_change(struct request *r, const char *name, const json_t *options)
{
	const char *culprit = "name";
	char error[ERROR_MAX] = "";
	struct spec *to = spec_with_behavior(request_spec(r)->defaults, request_spec(r), name, options,
	                                     &culprit, error);

	if (!to) {
		request_error(r, 400, "body", culprit, error);
		return;
	}
	json_t *answer = json_pack("{s:s}", "status", "ok");
	struct totals f;
	proxy_totals(request_proxy(r), &f);
	uint64_t raw = totals_open(&f, STAT_RAW, STAT_RAW_CLOSED);
	if (raw && spec_needs_messages(to))      /* no words reach those */
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

/* All that any protocol has; each says whose it is. */
static void get_failures(struct request *r)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	json_t *told = json_array();

	for (size_t i = 0; i < n; i++)
		for (const struct vn_failure *f = all[i]->failures; f && f->name; f++)
			if (f->moments)
				json_array_append_new(told, failure_json(f, all[i]));
	request_answer(r, 200, json_pack("{s:o}", "failures", told));
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
		request_error(r, 400, "body", "backend", "the value should contain a \"backend\" key");
	json_decref(object);
}

/* ---- /info ---- */

static json_t *proxy_to_json(const struct proxy *p)
{
	const struct spec *s = proxy_spec(p);
	struct totals f;

	proxy_totals(p, &f);
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:I, s:I}", "name", json_text(s->name),
	                 "listen", json_text(s->listen.text), "backend", json_text(s->backend.text),
	                 "protocol", s->protocol->name, "behavior", json_text(s->behavior),
	                 "connections", (json_int_t)totals_open(&f, STAT_OPENED, STAT_CLOSED),
	                 "raw", (json_int_t)totals_open(&f, STAT_RAW, STAT_RAW_CLOSED));
}

static void get_info(struct request *r)
{
	struct control *c = request_control(r);
	const struct settings *s = control_settings(c);
	json_t *proxies = json_array();

	for (size_t i = 0; i < control_proxy_count(c); i++)
		json_array_append_new(proxies, proxy_to_json(control_proxy(c, i)));
	/* the seed is text: it has 64 bits, of which many a JSON reader keeps 53 */
	request_answer(r, 200, json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:o}",
	                                 "name", "vaurien", "version", VAURIEN_VERSION,
	                                 "seed", json_sprintf("%" PRIu64, s->seed),
	                                 "threads", (json_int_t)s->threads,
	                                 "vanish", blackhole_possible() ? "filter" : "stall", "proxies", proxies,
	                                 "plugins", plugins_json()));
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
