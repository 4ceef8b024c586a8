/* toxiproxy.c - Toxiproxy's routes: proxies and their toxics. */
#include <stdlib.h>
#include <string.h>

#include "api/auth.h"
#include "api/pieces.h"
#include "api/router.h"
#include "api/toxiproxy_job.h"
#include "api/toxiproxy_reply.h"
#include "api/warning.h"
#include "base/log.h"
#include "base/memory.h"

/* The body as JSON. NULL: `error` has the 400. */
static json_t *body_parse(struct request *r, struct http_error *error)
{
	struct vn_span body = request_body(r);
	char why[GO_ERROR] = "";
	json_t *value = go_read((const char *)body.p, body.n, why);

	if (value && request_texts_fit(value, why))
		return value;
	http_error_set(error, 400, "bad request body: %.400s", why);
	json_decref(value);
	return NULL;
}

/* The same. NULL: the 400 was sent. */
static json_t *body_read(struct request *r)
{
	struct http_error error;
	json_t *value = body_parse(r, &error);

	if (!value)
		toxiproxy_error(r, &error);
	return value;
}

/* The proxy of /proxies/{}. NULL: a 404 was sent. */
static struct proxy *path_proxy(struct request *r)
{
	struct proxy *p = control_find(request_control(r), request_param(r, 0));

	if (!p)
		toxiproxy_refuse(r, 404, "proxy not found");
	return p;
}

/* ---- proxies ---- */

struct proxy_list {                     /* all proxies, in the order of their names */
	struct pieces pieces;
	struct control *control;
	char *last;                     /* name of the one that was written last; NULL: none yet */
};

static bool proxy_list_next(struct pieces *p, FILE *to)
{
	struct proxy_list *l = OWNER(proxy_list, pieces, p);
	const struct proxy *next = proxy_named_after(control_proxies(l->control), l->last);

	if (!l->last)
		fputc('{', to);
	if (!next) {
		fputc('}', to);
		return false;
	}
	const char *name = proxy_spec(next)->name;
	if (l->last)
		fputc(',', to);
	go_put(to, json_string_nocheck(name));
	fputc(':', to);
	go_put(to, toxiproxy_proxy_json(next));
	free(l->last);
	l->last = xstrdup(name);
	return true;
}

static void proxy_list_gone(struct pieces *p)
{
	struct proxy_list *l = OWNER(proxy_list, pieces, p);

	free(l->last);
	free(l);
}

static void get_proxies(struct request *r)
{
	struct proxy_list *l = xcalloc(1, sizeof *l);

	l->pieces = (struct pieces){ proxy_list_next, proxy_list_gone };
	l->control = request_control(r);
	request_pieces(r, 200, TYPE_JSON, &l->pieces);
}

static void get_proxy(struct request *r)
{
	struct proxy *p = path_proxy(r);

	if (p)
		toxiproxy_reply(r, 200, toxiproxy_proxy_json(p));
}

static bool text_given(const char *text)
{
	return text && *text;
}

/* Takes over what is in `wanted`. */
static void create_checked(struct request *r, struct proxy_request *wanted)
{
	struct http_error error = { 0 };

	if (!text_given(wanted->name))
		http_error_set(&error, 400, "missing required field: name");
	else if (!text_given(wanted->upstream))
		http_error_set(&error, 400, "missing required field: upstream");
	else if (control_find(request_control(r), wanted->name))
		http_error_set(&error, 409, "proxy already exists");
	if (!error.status) {
		job_create(r, wanted);
		return;
	}
	toxiproxy_error(r, &error);
	proxy_request_free(wanted);
}

static void create(struct request *r)
{
	json_t *body = body_read(r);
	struct http_error error;
	struct proxy_request wanted;

	if (!body)
		return;
	if (proxy_request_read(&wanted, body, "Proxy", &error))
		create_checked(r, &wanted);
	else
		toxiproxy_error(r, &error);
	json_decref(body);
}

static void update(struct request *r)
{
	struct proxy *p = path_proxy(r);
	json_t *body = p ? body_read(r) : NULL;
	struct http_error error;
	struct proxy_request wanted;

	if (!body)
		return;
	if (proxy_request_read(&wanted, body, "Proxy", &error))
		job_update(r, p, &wanted);
	else
		toxiproxy_error(r, &error);
	json_decref(body);
}

static void delete(struct request *r)
{
	struct proxy *p = path_proxy(r);

	if (!p)
		return;
	log_info("proxy=%s is deleted", proxy_spec(p)->name);
	proxy_remove(p, request_wait(r, 204, NULL, NULL, 0));
}

/* Its errors have another format: JSON with the proxies that were made, here none. */
static void populate(struct request *r)
{
	struct http_error error;
	size_t n;
	json_t *list = body_parse(r, &error);
	struct proxy_request *wanted = list ? proxy_requests_read(list, &n, &error) : NULL;

	if (wanted)
		job_populate(r, wanted, n);
	else
		toxiproxy_reply_populated(r, 0, &error, NULL, 0);
	json_decref(list);
}

/* ---- toxics ---- */

static void get_toxics(struct request *r)
{
	struct proxy *p = path_proxy(r);

	if (p)
		toxiproxy_reply(r, 200, toxics_json(proxy_spec(p)));
}

static void get_toxic(struct request *r)
{
	struct proxy *p = path_proxy(r);
	const struct rule_spec *rule = p ? spec_rule(proxy_spec(p), request_param(r, 1)) : NULL;

	if (rule)
		toxiproxy_reply(r, 200, toxic_json(rule));
	else if (p)
		toxiproxy_refuse(r, 404, "toxic not found");
}

/* Change the proxy to `to`, and reply with the toxic `name` when every worker has it. `to`
 * NULL: reply with the error. */
static void toxic_change_proxy(struct request *r, struct proxy *p, struct spec *to,
                               const char *name, const struct http_error *error,
                               const char *what)
{
	size_t n;

	if (!to) {
		toxiproxy_error(r, error);
		return;
	}
	json_t *toxic = toxic_json(spec_rule(to, name));
	char *text = go_write(toxic, &n);
	json_decref(toxic);
	log_info("proxy=%s rule=%s is %s", to->name, name, what);
	rules_warn(p, to, name, NULL, true);    /* the answer is Toxiproxy's */
	control_change(request_control(r), p, to, request_wait(r, 200, TYPE_JSON, text, n));
}

static void add_toxic(struct request *r)
{
	struct proxy *p = path_proxy(r);
	json_t *body = p ? body_read(r) : NULL;
	char *name = NULL;
	struct http_error error;

	if (!body)
		return;
	struct spec *to = toxic_add(proxy_spec(p), body, &name, &error);
	toxic_change_proxy(r, p, to, name, &error, "set");
	free(name);
	json_decref(body);
}

static void update_toxic(struct request *r)
{
	struct proxy *p = path_proxy(r);
	const char *name = request_param(r, 1);
	struct http_error error;

	if (!p)
		return;
	if (!spec_rule(proxy_spec(p), name)) {
		toxiproxy_refuse(r, 404, "toxic not found");
		return;
	}
	json_t *body = body_read(r);
	if (!body)
		return;
	struct spec *to = toxic_change(proxy_spec(p), name, body, &error);
	toxic_change_proxy(r, p, to, name, &error, "changed");
	json_decref(body);
}

static void delete_toxic(struct request *r)
{
	struct proxy *p = path_proxy(r);
	struct spec *to = p ? spec_without_rule(proxy_spec(p), request_param(r, 1)) : NULL;

	if (!p)
		return;
	if (!to) {
		toxiproxy_refuse(r, 404, "toxic not found");
		return;
	}
	log_info("proxy=%s rule=%s is removed", to->name, request_param(r, 1));
	control_change(request_control(r), p, to, request_wait(r, 204, NULL, NULL, 0));
}

/* ---- the rest ---- */

/* Toxiproxy's version, not ours: clients decide by it which requests they may send. */
static void get_version(struct request *r)
{
	static const char version[] = "{\"version\": \"2.12.0\"}\n";
	char *text = xstrdup(version);

	request_answer_text(r, 200, "application/json;charset=utf-8", text, strlen(text));
}

static void not_found(struct request *r, unsigned status)
{
	if (status == 404)
		toxiproxy_reply_line(r, 404, "404 page not found\n");
	else
		request_answer_text(r, status, NULL, NULL, 0);
}

static const struct route routes[] = {
	{ "GET",    "/version",              get_version },
	{ "POST",   "/reset",                job_reset },
	{ "POST",   "/populate",             populate },
	{ "GET",    "/proxies",              get_proxies },
	{ "POST",   "/proxies",              create },
	{ "GET",    "/proxies/{}",           get_proxy },
	{ "POST",   "/proxies/{}",           update },
	{ "PATCH",  "/proxies/{}",           update },
	{ "DELETE", "/proxies/{}",           delete },
	{ "GET",    "/proxies/{}/toxics",    get_toxics },
	{ "POST",   "/proxies/{}/toxics",    add_toxic },
	{ "GET",    "/proxies/{}/toxics/{}", get_toxic },
	{ "POST",   "/proxies/{}/toxics/{}", update_toxic },
	{ "PATCH",  "/proxies/{}/toxics/{}", update_toxic },
	{ "DELETE", "/proxies/{}/toxics/{}", delete_toxic },
	{ NULL },
};

DIALECT(toxiproxy, .routes = routes, .prefix = "/proxies", .check = toxiproxy_check,
        .not_found = not_found, .no_head = true)
