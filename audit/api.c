/* api.c - a client of the control API of one Vaurien, with its stream of events. */
#include "audit/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "vaurien.h"

enum { REPLY_MOST = 64 << 20, LINE_MOST = 1 << 20 };

struct bytes { char *at; size_t n, room; };

struct api_call {
	struct transfer transfer;
	struct api *api;
	struct bytes reply;
	char *body, *path;
	api_done *done;
	void *user;
	struct api_call *next;
};

struct events {
	struct transfer transfer;
	struct api *api;
	struct bytes line;              /* the beginning of one */
	void (*take)(void *user, const json_t *event);
	void *user;
};

static bool bytes_add(struct bytes *b, const char *bytes, size_t n, size_t most)
{
	if (n > most - b->n)
		return false;
	if (b->n + n + 1 > b->room) {
		b->room = (b->n + n + 1) * 2;
		b->at = xrealloc(b->at, b->room);
	}
	memcpy(b->at + b->n, bytes, n);
	b->n += n;
	b->at[b->n] = 0;
	return true;
}

/* ---- begin, end ---- */

bool api_init(struct api *a, struct poller *p, const char *url, const char *token,
              char error[ERROR_MAX])
{
	bool unix_path = !strncmp(url, "unix:", 5);
	const char *scheme = unix_path || strstr(url, "://") ? "" : "http://";
	CURLU *u = curl_url();
	char *header, *base;

	*a = (struct api){ .poller = p };
	base = xasprintf("%s%s", scheme, unix_path ? "http://localhost" : url);
	if (curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK ||
	    (strncmp(base, "http://", 7) && strncmp(base, "https://", 8)) ||
	    (unix_path && !url[5])) {
		error_format(error, "expected http://HOST:PORT or unix:/PATH, got '%.80s'", url);
		curl_url_cleanup(u);
		free(base);
		return false;
	}
	curl_url_cleanup(u);
	for (size_t end = strlen(base); base[end - 1] == '/'; end--)
		base[end - 1] = 0;
	a->base = base;
	a->socket = unix_path ? xstrdup(url + 5) : NULL;
	a->headers = curl_slist_append(NULL, "Content-Type: application/json");
	a->headers = curl_slist_append(a->headers, "Expect:");
	if (token) {
		header = xasprintf("Authorization: Bearer %s", token);
		a->headers = curl_slist_append(a->headers, header);
		free(header);
	}
	return true;
}

static void call_free(struct api_call *c)
{
	struct api_call **at = &c->api->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	poller_cancel(c->api->poller, &c->transfer);
	curl_easy_cleanup(c->transfer.easy);
	free(c->reply.at);
	free(c->body);
	free(c->path);
	free(c);
}

void api_free(struct api *a)
{
	for (struct api_call *c; (c = a->calls); call_free(c))
		if (c->done)
			c->done(c->user, 0, NULL);
	if (a->events) {
		poller_cancel(a->poller, &a->events->transfer);
		curl_easy_cleanup(a->events->transfer.easy);
		free(a->events->line.at);
		free(a->events);
	}
	curl_slist_free_all(a->headers);
	free(a->base);
	free(a->socket);
	*a = (struct api){ .poller = a->poller };
}

bool api_local(const struct api *a)
{
	CURLU *u = curl_url();
	char *host = NULL;

	curl_url_set(u, CURLUPART_URL, a->base, 0);
	curl_url_get(u, CURLUPART_HOST, &host, 0);
	bool local = a->socket || (host && (!strcasecmp(host, "localhost") ||
	             !strncmp(host, "127.", 4) || !strcmp(host, "[::1]")));
	curl_free(host);
	curl_url_cleanup(u);
	return local;
}

static CURL *easy_make(struct api *a, const char *path)
{
	CURL *easy = xalloced(curl_easy_init());
	char *url = xasprintf("%s%s", a->base, path);

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, a->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vaurien-audit/" VAURIEN_VERSION);
	if (a->socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, a->socket);
	free(url);
	return easy;
}

static void api_lose(struct api *a, const char *path, CURLcode code)
{
	if (a->lost)
		return;
	a->lost = true;
	error_format(a->why, "no answer from %s%.60s: %s", a->socket ? a->socket : a->base, path,
	             code == CURLE_OPERATION_TIMEDOUT ? "silent for 5 s" :
	             curl_easy_strerror(code));
}

/* ---- requests ---- */

static size_t reply_take(char *bytes, size_t size, size_t n, void *user)
{
	struct api_call *c = user;

	return bytes_add(&c->reply, bytes, size * n, REPLY_MOST) ? size * n : 0;
}

static void call_done(struct transfer *t, CURLcode code)
{
	struct api_call *c = (struct api_call *)((char *)t - offsetof(struct api_call, transfer));
	json_t *reply = NULL;
	long status = 0;

	if (code == CURLE_OK) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		reply = c->reply.n ? json_loadb(c->reply.at, c->reply.n, 0, NULL) : NULL;
	} else {
		api_lose(c->api, c->path, code);
		reply = json_string(c->api->why);
	}
	if (c->done)
		c->done(c->user, status, reply);
	json_decref(reply);
	call_free(c);
}

void api_send(struct api *a, const char *method, const char *path, json_t *body, api_done *done,
              void *user)
{
	struct api_call *c = xcalloc(1, sizeof *c);
	CURL *easy = easy_make(a, path);

	*c = (struct api_call){ .api = a, .done = done, .user = user, .next = a->calls };
	a->calls = c;
	c->path = xstrdup(path);
	c->body = body ? xalloced(json_dumps(body, JSON_COMPACT)) : NULL;
	json_decref(body);
	c->transfer = (struct transfer){ .easy = easy, .done = call_done };
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(API_SILENT * 1e3));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, reply_take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
	if (c->body)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, c->body);
	poller_begin(a->poller, &c->transfer);
}

struct asking { bool done; long status; json_t *reply; };

static void asked(void *user, long status, const json_t *reply)
{
	struct asking *asking = user;

	asking->done = true;
	asking->status = status;
	asking->reply = json_incref((json_t *)reply);
}

long api_ask(struct api *a, const char *method, const char *path, json_t *body, json_t **reply)
{
	struct asking asking = { .done = false };

	api_send(a, method, path, body, asked, &asking);
	while (!asking.done)
		poller_round(a->poller, poller_now() + 1);
	if (reply)
		*reply = asking.reply;
	else
		json_decref(asking.reply);
	return asking.status;
}

static size_t reply_drop(char *bytes, size_t size, size_t n, void *user)
{
	(void)bytes, (void)user;
	return size * n;
}

bool api_put_alone(struct api *a, const char *path, const json_t *body)
{
	CURL *easy = easy_make(a, path);
	char *text = xalloced(json_dumps(body, JSON_COMPACT));

	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, text);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(API_SILENT * 1e3));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, reply_drop);
	bool answered = curl_easy_perform(easy) == CURLE_OK;
	curl_easy_cleanup(easy);
	free(text);
	return answered;
}

const char *api_sentence(const json_t *reply, char buffer[ERROR_MAX])
{
	const json_t *errors = json_object_get(reply, "errors"), *error = json_array_get(errors, 0);
	const char *text = json_string_value(json_object_get(error, "description"));

	if (!text)
		text = json_string_value(json_object_get(reply, "error"));
	if (!text)
		text = json_string_value(reply);
	return text_printable(text ? text : "not the API of a Vaurien", buffer, ERROR_MAX);
}

char *api_path(const char *first, ...)
{
	char *path, *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	va_list parts;

	va_start(parts, first);
	for (const char *part = first; part; part = va_arg(parts, const char *)) {
		char *escaped = curl_easy_escape(NULL, part, 0);
		fprintf(to, "/%s", escaped);
		curl_free(escaped);
	}
	va_end(parts);
	fclose(to);
	path = xalloced(text);
	return path;
}

/* ---- the stream of events ---- */

static void line_take(struct events *e, const char *line, size_t n)
{
	json_t *event;

	if (n < 6 || memcmp(line, "data: ", 6) || !(event = json_loadb(line + 6, n - 6, 0, NULL)))
		return;
	e->take(e->user, event);
	json_decref(event);
}

static size_t events_take(char *bytes, size_t size, size_t count, void *user)
{
	struct events *e = user;
	size_t n = size * count;

	for (const char *from = bytes, *end = bytes + n, *stop; from < end; from = stop + 1) {
		stop = memchr(from, '\n', (size_t)(end - from));
		if (!bytes_add(&e->line, from, (size_t)((stop ? stop : end) - from), LINE_MOST))
			return 0;
		if (!stop)
			break;
		line_take(e, e->line.at ? e->line.at : "", e->line.n);
		e->line.n = 0;
	}
	return n;
}

static void events_done(struct transfer *t, CURLcode code)
{
	struct events *e = (struct events *)((char *)t - offsetof(struct events, transfer));

	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status && status != 200 && !e->api->lost) {
		e->api->lost = true;
		error_format(e->api->why, "%s has no such events: HTTP status %ld to GET /events; "
		             "expected Vaurien 3.0 or later, and --token if it wants one",
		             e->api->socket ? e->api->socket : e->api->base, status);
	}
	api_lose(e->api, "/events", code ? code : CURLE_GOT_NOTHING);
}

void api_events(struct api *a, const char *types, void (*take)(void *user, const json_t *event),
                void *user)
{
	struct events *e = a->events = xcalloc(1, sizeof *e);
	char *path = xasprintf("/events?type=%s", types);

	*e = (struct events){ .api = a, .take = take, .user = user };
	e->transfer = (struct transfer){ .easy = easy_make(a, path), .done = events_done };
	free(path);
	curl_easy_setopt(e->transfer.easy, CURLOPT_WRITEFUNCTION, events_take);
	curl_easy_setopt(e->transfer.easy, CURLOPT_WRITEDATA, e);
	curl_easy_setopt(e->transfer.easy, CURLOPT_BUFFERSIZE, 65536L);
	poller_begin(a->poller, &e->transfer);
}

bool api_events_open(const struct api *a)
{
	long status = 0;

	if (a->events)
		curl_easy_getinfo(a->events->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
}
