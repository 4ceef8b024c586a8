/* toxiproxy_reply.c - replies and errors of the API in Toxiproxy's format, to the byte. */
#include "api/toxiproxy_reply.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

void toxiproxy_reply(struct request *r, unsigned status, json_t *body)
{
	size_t n;
	char *text = go_write(body, &n);

	json_decref(body);
	request_answer_text(r, status, TYPE_JSON, text, n);
}

void toxiproxy_reply_line(struct request *r, unsigned status, const char *line)
{
	char *text = xstrdup(line);

	request_set_header(r, "X-Content-Type-Options", "nosniff");
	request_answer_text(r, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* ---- errors ---- */

static json_t *error_json(const struct http_error *e)
{
	json_t *body = json_object();

	json_object_set_new(body, "error", json_text(e->text));
	json_object_set_new(body, "status", json_integer(e->status));
	return body;
}

/* Go's http.Error() sends this JSON as a line of plain text. */
void toxiproxy_error(struct request *r, const struct http_error *e)
{
	json_t *body = error_json(e);
	char *text = go_write(body, NULL), *line;
	int n = asprintf(&line, "%s\n", text);

	assert(n >= 0);
	toxiproxy_reply_line(r, e->status, line);
	free(line);
	free(text);
	json_decref(body);
}

void toxiproxy_refuse(struct request *r, unsigned status, const char *text)
{
	struct http_error e;

	http_error_set(&e, status, "%s", text);
	toxiproxy_error(r, &e);
}

/* ---- proxies ---- */

void toxiproxy_reply_populated(struct request *r, unsigned status, const struct http_error *e,
                               json_t *proxies)
{
	json_t *body = e->status ? error_json(e) : json_object();

	if (!json_array_size(proxies)) {        /* an empty list is null in Go */
		json_decref(proxies);
		proxies = json_null();
	}
	json_object_set_new(body, "proxies", proxies);
	toxiproxy_reply(r, e->status ? e->status : status, body);
}

json_t *toxiproxy_proxy_json(const struct proxy *p)
{
	const struct spec *s = proxy_spec(p);
	char text[160];
	const char *listen = p->at.len ? endpoint_show(&p->at, text, sizeof text) : s->listen.text;
	json_t *all = json_object();

	json_object_set_new(all, "name", json_string_nocheck(s->name));
	json_object_set_new(all, "listen", json_text(listen));
	json_object_set_new(all, "upstream", json_text(s->backend.text));
	json_object_set_new(all, "enabled", json_boolean(s->enabled));
	if (strcmp(s->protocol->name, "tcp"))
		json_object_set_new(all, "protocol", json_string(s->protocol->name));
	json_object_set_new(all, "toxics", toxics_json(s));
	return all;
}
