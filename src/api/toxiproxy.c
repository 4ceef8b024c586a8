/* toxiproxy.c - Toxiproxy's dialect of the control API: its paths, its answers, its words for what is wrong. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "api/toxiproxy_job.h"
#include "base/json.h"
#include "base/memory.h"

static const char type_json[] = "application/json", type_text[] = "text/plain; charset=utf-8";

/* ---- answers ---- */

static void answer(struct request *r, unsigned status, json_t *body)
{
	size_t n;
	char *text = go_write(body, &n);

	json_decref(body);
	request_answer_text(r, status, type_json, text, n);
}

static void answer_line(struct request *r, unsigned status, const char *line)
{
	char *text = xstrdup(line);
	request_set_header(r, "X-Content-Type-Options", "nosniff");
	request_answer_text(r, status, type_text, text, strlen(text));
}

void toxiproxy_error(struct request *r, const struct http_error *f)
{
	json_t *body = json_object();
	char *line;

	json_object_set_new(body, "error", json_text(f->text));
	json_object_set_new(body, "status", json_integer(f->status));
	char *text = go_write(body, NULL);
	int n = asprintf(&line, "%s\n", text);
	assert(n >= 0);
	answer_line(r, f->status, line);
	free(line);
	free(text);
	json_decref(body);
}

static void refuse(struct request *r, unsigned status, const char *text)
{
	struct http_error f;

	http_error_set(&f, status, "%s", text);
	toxiproxy_error(r, &f);
}

/* The body as JSON. NULL: refused. */
static json_t *body_read(struct request *r)
{
	struct vn_span body = request_body(r);
	char error[GO_ERROR];
	struct http_error f;
	json_t *value = go_read((const char *)body.p, body.n, error);

	if (value)
		return value;
	http_error_set(&f, 400, "bad request body: %.400s", error);
	toxiproxy_error(r, &f);
	return NULL;
}

/* The proxy that the path names. NULL: refused. */
static struct proxy *proxy_named(struct request *r)
{
	struct proxy *p = control_find(request_control(r), request_param(r, 0));

	if (!p)
		refuse(r, 404, "proxy not found");
	return p;
}

/* ---- proxies ---- */

static void get_proxies(struct request *r)
{
	const struct proxy_table *all = control_proxies(request_control(r));
	json_t *proxies = json_object();

	for (size_t i = 0; i < all->n; i++)
		json_object_set_new_nocheck(proxies, proxy_spec(all->named[i])->name, proxy_json(all->named[i]));
	answer(r, 200, proxies);
}

static void get_proxy(struct request *r)
{
	struct proxy *p = proxy_named(r);

	if (p)
		answer(r, 200, proxy_json(p));
}

static void create(struct request *r)
{
	json_t *body = body_read(r);
	struct http_error f;
	struct proxy_request w;

	if (!body)
		return;
	if (!proxy_request_read(&w, body, "Proxy", &f)) {
		toxiproxy_error(r, &f);
	} else if (!w.name || !*w.name || !w.upstream || !*w.upstream) {
		refuse(r, 400, !w.name || !*w.name ? "missing required field: name" : "missing required field: upstream");
		proxy_request_free(&w);
	} else if (control_find(request_control(r), w.name)) {
		refuse(r, 409, "proxy already exists");
		proxy_request_free(&w);
	} else {
		job_create(r, &w);
	}
	json_decref(body);
}

static void update(struct request *r)
{
	struct proxy *p = proxy_named(r);
	json_t *body = p ? body_read(r) : NULL;
	struct http_error f;
	struct proxy_request w;

	if (!body)
		return;
	if (proxy_request_read(&w, body, "Proxy", &f))
		job_update(r, p, &w);
	else
		toxiproxy_error(r, &f);
	json_decref(body);
}

static void delete(struct request *r)
{
	struct proxy *p = proxy_named(r);

	if (!p)
		return;
	log_info("proxy=%s is deleted", proxy_spec(p)->name);
	proxy_remove(p, request_wait(r, 204, NULL, NULL, 0));
}

/* Its errors are JSON, with the proxies that have been made: here none has. */
static void populate_refuse(struct request *r, const struct http_error *f)
{
	json_t *body = json_object();

	json_object_set_new(body, "error", json_text(f->text));
	json_object_set_new(body, "status", json_integer(f->status));
	json_object_set_new(body, "proxies", json_null());
	answer(r, f->status, body);
}

static void populate(struct request *r)
{
	struct vn_span body = request_body(r);
	char error[GO_ERROR];
	struct http_error f;
	size_t n;
	json_t *list = go_read((const char *)body.p, body.n, error);
	struct proxy_request *w = list ? proxy_requests_read(list, &n, &f) : NULL;

	if (!list)
		http_error_set(&f, 400, "bad request body: %.400s", error);
	if (w)
		job_populate(r, w, n);
	else
		populate_refuse(r, &f);
	json_decref(list);
}

/* ---- toxics ---- */

static void get_toxics(struct request *r)
{
	struct proxy *p = proxy_named(r);

	if (p)
		answer(r, 200, toxics_json(proxy_spec(p)));
}

static void get_toxic(struct request *r)
{
	struct proxy *p = proxy_named(r);
	const struct rule_spec *rule = p ? spec_rule(proxy_spec(p), request_param(r, 1)) : NULL;

	if (rule)
		answer(r, 200, toxic_json(rule));
	else if (p)
		refuse(r, 404, "toxic not found");
}

/* The proxy shall be `to`, which has the toxic; NULL: it was refused. */
static void toxic_become(struct request *r, struct proxy *p, struct spec *to, const char *name, const struct http_error *f, const char *what)
{
	size_t n;

	if (!to) {
		toxiproxy_error(r, f);
		return;
	}
	json_t *toxic = toxic_json(spec_rule(to, name));
	char *text = go_write(toxic, &n);
	json_decref(toxic);
	log_info("proxy=%s rule=%s is %s", to->name, name, what);
	control_change(request_control(r), p, to, request_wait(r, 200, type_json, text, n));
}

static void add_toxic(struct request *r)
{
	struct proxy *p = proxy_named(r);
	json_t *body = p ? body_read(r) : NULL;
	char *name = NULL;
	struct http_error f;

	if (!body)
		return;
	struct spec *to = toxic_add(proxy_spec(p), body, &name, &f);
	toxic_become(r, p, to, name, &f, "set");
	free(name);
	json_decref(body);
}

static void update_toxic(struct request *r)
{
	struct proxy *p = proxy_named(r);
	const char *name = request_param(r, 1);
	struct http_error f;

	if (!p)
		return;
	if (!spec_rule(proxy_spec(p), name)) {
		refuse(r, 404, "toxic not found");
		return;
	}
	json_t *body = body_read(r);
	if (!body)
		return;
	struct spec *to = toxic_change(proxy_spec(p), name, body, &f);
	toxic_become(r, p, to, name, &f, "changed");
	json_decref(body);
}

static void delete_toxic(struct request *r)
{
	struct proxy *p = proxy_named(r);
	struct spec *to = p ? spec_without_rule(proxy_spec(p), request_param(r, 1)) : NULL;

	if (!p)
		return;
	if (!to) {
		refuse(r, 404, "toxic not found");
		return;
	}
	log_info("proxy=%s rule=%s is taken away", to->name, request_param(r, 1));
	control_change(request_control(r), p, to, request_wait(r, 204, NULL, NULL, 0));
}

/* ---- the whole ---- */

static void get_version(struct request *r)
{
	static const char version[] = "{\"version\": \"2.12.0\"}\n";       /* whose interface this is: clients ask for features by it */
	char *text = xstrdup(version);
	request_answer_text(r, 200, "application/json;charset=utf-8", text, strlen(text));
}

/* A browser is let in where it is a page of ours that asks: anyone else's has an Origin, and was refused. */
static bool browser(struct request *r)
{
	const char *agent = request_header(r, "User-Agent"), *site = request_header(r, "Sec-Fetch-Site");

	return agent && !strncmp(agent, "Mozilla/", 8) && !request_header(r, "Origin") && !(site && !strcmp(site, "same-origin"));
}

bool toxiproxy_check(struct request *r)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char dice[20];
	char id[21] = "";

	if (getrandom(dice, sizeof dice, 0) != sizeof dice)
		memset(dice, 0, sizeof dice);
	for (size_t i = 0; i < sizeof dice; i++)
		id[i] = letters[dice[i] % 32];
	request_set_header(r, "X-Toxiproxy-Request-Id", id);
	if (!browser(r))
		return true;
	answer_line(r, 403, "User agent not allowed\n");
	return false;
}

static void not_found(struct request *r, unsigned status)
{
	if (status == 404)
		answer_line(r, 404, "404 page not found\n");
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

DIALECT(toxiproxy, .routes = routes, .prefix = "/proxies", .check = toxiproxy_check, .not_found = not_found, .no_head = true)
