/* http.c - requests to a running vaurien. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "vaurien.h"

enum { PATIENCE = 60 };                 /* seconds for an answer */

/* ---- asking ---- */

static struct curl_slist *call_headers(const struct call *c)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *shown;

	if (c->token) {
		shown = xasprintf("Authorization: Bearer %s", c->token);
		headers = curl_slist_append(headers, shown);
		free(shown);
	}
	assert(headers);
	return headers;
}

/* All that requests have in common. */
static void call_set(struct call *c, const char *url, struct reply *r)
{
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");        /* whatever the environment says */
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, unix_path(c));
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "vaurienctl/" VAURIEN_VERSION);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, reply_take);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, reply_header);
	curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, r);
}

static CURLcode call_perform(struct call *c, struct reply *r)
{
	struct curl_slist *headers = call_headers(c);

	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	CURLcode code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &r->status);
	curl_slist_free_all(headers);
	return code;
}

static void no_answer(const struct call *c, const struct reply *r, const char *url, CURLcode code)
{
	const char *where = unix_path(c) ? call_host(c) : url;

	if (c->quiet)
		return;
	if (!url)
		fprintf(stderr, "vaurienctl: expected a host and a port from 1 to 65535, "
		        "got '%s' and '%s'\n", call_host(c), c->http_port ? c->http_port : "");
	else if (r->broken)
		fprintf(stderr, "vaurienctl: %s: %s\n", where, r->broken);
	else
		fprintf(stderr, "vaurienctl: no answer from %s: %s%s\n", where,
		        curl_easy_strerror(code),
		        code != CURLE_COULDNT_CONNECT ? "" :
		        c->runs > 1 ? ". Several 'vaurien run' are active; the environment of each "
		                      "command has where its API is, as VAURIEN_API" :
		                      ". Is vaurien running with --http?");
}

bool call_send(struct call *c, const char *method, const char *path, json_t *body, struct reply *r)
{
	char *url = call_url(c, path), *text = body ? json_dumps(body, 0) : NULL;
	CURLcode code = CURLE_URL_MALFORMAT;

	*r = (struct reply){ 0 };
	if (url) {
		call_set(c, url, r);
		curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, c->patience ? c->patience : PATIENCE);
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
		if (text)
			curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
		code = call_perform(c, r);
	}
	if (code == CURLE_OK) {
		reply_parse(r);
	} else {
		no_answer(c, r, url, code);
		reply_free(r);
		*r = (struct reply){ 0 };
	}
	json_decref(body);
	free(text);
	curl_free(url);
	return code == CURLE_OK;
}

json_t *call_get(struct call *c, const char *path)
{
	struct reply r;
	json_t *body = NULL;

	if (!call_send(c, "GET", path, NULL, &r))
		return NULL;
	if (r.status != 200 || !json_is_object(r.body))
		fail_reply(c, &r);
	else
		body = json_incref(r.body);
	reply_free(&r);
	return body;
}

int call_do(struct call *c, const char *method, const char *path, json_t *body, const char *said,
            ...)
{
	struct reply r;
	va_list args;
	int rc = 0;

	if (!call_send(c, method, path, body, &r))
		return FAILED;
	va_start(args, said);
	if (r.status < 200 || r.status > 299 || (r.status != 204 && !json_is_object(r.body))) {
		rc = fail_reply(c, &r);
	} else if (!c->json) {
		vprintf(said, args);
		putchar('\n');
	} else if (r.body) {
		json_show(r.body);
	} else {
		done_show(json_object());       /* with nothing to tell */
	}
	va_end(args);
	reply_free(&r);
	return rc;
}

/* ---- an answer that goes on ---- */

enum { LINE_MOST = 1 << 20 };

struct stream {
	struct call *call;
	struct reply *reply;            /* a line's beginning; all of it if the status is not 200 */
	void (*take)(void *whom, char *line);
	void *whom;
};

static size_t stream_take(char *bytes, size_t size, size_t n, void *stream)
{
	struct stream *s = stream;
	struct reply *r = s->reply;
	char *line, *end, *from;

	if (!r->status)
		curl_easy_getinfo(s->call->curl, CURLINFO_RESPONSE_CODE, &r->status);
	size_t had = r->n;
	if (!reply_take(bytes, size, n, r) || r->status != 200)
		return r->broken ? 0 : size * n;
	for (line = r->text, from = line + had;
	     (end = memchr(from, '\n', r->n - (size_t)(from - r->text))); line = from = end + 1) {
		*end = 0;
		s->take(s->whom, line);
	}
	r->n -= (size_t)(line - r->text);
	memmove(r->text, line, r->n);
	if (r->n <= LINE_MOST)
		return size * n;
	r->broken = "an event is longer than 1 MiB";
	return 0;
}

/* A stream of events has no end; all that stands before its first event, or instead of it, has. */
static int stream_waits(void *stream, curl_off_t total, curl_off_t now, curl_off_t to_send,
                        curl_off_t sent)
{
	struct stream *s = stream;
	curl_off_t elapsed = 0;

	if (s->reply->status == 200)
		return 0;
	curl_easy_getinfo(s->call->curl, CURLINFO_TOTAL_TIME_T, &elapsed);
	if (elapsed < PATIENCE * (curl_off_t)1000000)
		return 0;
	s->reply->broken = "no answer within 60 s";
	return 1;
}

bool call_stream(struct call *c, const char *path, void (*take)(void *whom, char *line), void *whom,
                 struct reply *r)
{
	char *url = call_url(c, path);
	CURLcode code = CURLE_URL_MALFORMAT;
	struct stream s = { c, r, take, whom };

	*r = (struct reply){ 0 };
	if (url) {
		call_set(c, url, r);
		curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, stream_take);
		curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &s);
		curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, stream_waits);
		curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, &s);
		curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
		code = call_perform(c, r);
	}
	if (code == CURLE_OK)
		reply_parse(r);
	else
		no_answer(c, r, url, code);
	curl_free(url);
	return code == CURLE_OK;
}
