/* toxiproxy_reply.c - replies and errors of the API in Toxiproxy's format, to the byte. */
#include "api/toxiproxy_reply.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/pieces.h"
#include "base/json.h"
#include "base/memory.h"
#include "toxiproxy/proxy_json.h"

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
	line = xasprintf("%s\n", text);

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

void go_put(FILE *to, json_t *value)
{
	size_t n;
	char *text = go_write(value, &n);

	fwrite(text, 1, n, to);
	free(text);
	json_decref(value);
}

struct populated {                      /* the reply to POST /populate */
	struct pieces pieces;
	struct control *control;
	struct http_error error;
	struct populated_proxy *made;
	size_t at, n;
};

/* An empty list is null in Go. */
static void populated_begin(const struct populated *all, FILE *to)
{
	json_t *error = all->error.status ? error_json(&all->error) : json_object();
	char *head = go_write(error, NULL);

	json_decref(error);
	head[strlen(head) - 1] = 0;     /* } */
	fprintf(to, "%s%s\"proxies\":%s", head, head[1] ? "," : "", all->n ? "[" : "null");
	free(head);
}

static bool populated_next(struct pieces *p, FILE *to)
{
	struct populated *all = OWNER(populated, pieces, p);

	if (!all->at)
		populated_begin(all, to);
	if (all->at == all->n) {
		fputs(all->n ? "]}" : "}", to);
		return false;
	}
	const struct populated_proxy *made = &all->made[all->at];
	const struct proxy *now = control_numbered(all->control, made->number);
	if (all->at++)
		fputc(',', to);
	if (made->text)
		fputs(made->text, to);
	else
		go_put(to, now ? toxiproxy_proxy_json(now) : json_null());
	return true;
}

static void populated_gone(struct pieces *p)
{
	struct populated *all = OWNER(populated, pieces, p);

	for (size_t i = 0; i < all->n; i++)
		free(all->made[i].text);
	free(all->made);
	free(all);
}

void toxiproxy_reply_populated(struct request *r, unsigned status, const struct http_error *e,
                               struct populated_proxy *made, size_t n)
{
	struct populated *all = xcalloc(1, sizeof *all);

	*all = (struct populated){
		.pieces = { populated_next, populated_gone }, .control = request_control(r),
		.error = *e, .made = made, .n = n,
	};
	request_pieces(r, e->status ? e->status : status, TYPE_JSON, &all->pieces);
}

/* Where it listens, or will listen. False: that is a name. */
static bool listen_at(const struct proxy *p, struct endpoint *at)
{
	*at = p->at;
	return at->len || address_numeric(&proxy_spec(p)->listen, true, at);
}

/* On all addresses of IPv4 and none of IPv6, which in Toxiproxy's requests is no 0.0.0.0. */
static bool ipv4_only(const struct proxy *p)
{
	struct endpoint at;

	return proxy_everywhere_has_ipv6() && listen_at(p, &at) &&
	       at.addr.ss_family == AF_INET &&
	       !((const struct sockaddr_in *)&at.addr)->sin_addr.s_addr;
}

const char *toxiproxy_listen(const struct proxy *p, char buffer[160])
{
	const struct address *a = &proxy_spec(p)->listen;
	struct endpoint at;

	if (!p->at.len && *a->host)     /* it does not listen yet: the address as it was given */
		return a->text;
	return listen_at(p, &at) ? endpoint_show(&at, buffer, 160) : a->text;
}

json_t *toxiproxy_proxy_json(const struct proxy *p)
{
	const struct spec *s = proxy_spec(p);
	char text[160];
	json_t *all = json_object(), *behavior = proxy_behavior_json(s);

	json_object_set_new(all, "name", json_string_nocheck(s->name));
	json_object_set_new(all, "listen", json_text(toxiproxy_listen(p, text)));
	json_object_set_new(all, "upstream", json_text(s->backend.text));
	json_object_set_new(all, "enabled", json_boolean(s->enabled));
	if (strcmp(s->protocol->name, "tcp"))
		json_object_set_new(all, "protocol", json_string(s->protocol->name));
	if (ipv4_only(p))
		json_object_set_new(all, "ipv4_only", json_true());
	if (behavior)
		json_object_set_new(all, "behavior", behavior);
	topology_to_json(&s->topology, all);
	tls_values_show(&s->tls, all);
	json_object_set_new(all, "toxics", toxics_json(s));
	return all;
}
