/* http.c - requests to a running vaurien, and its answers. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "vaurien.h"

/* ---- answers ---- */

static size_t reply_take(char *bytes, size_t size, size_t n, void *reply)
{
	struct reply *r = reply;

	r->text = realloc(r->text, r->n + size * n + 1);
	assert(r->text);
	memcpy(r->text + r->n, bytes, size * n);
	r->n += size * n;
	r->text[r->n] = 0;
	return size * n;
}

void reply_free(struct reply *r)
{
	json_decref(r->body);
	free(r->text);
}

/* ---- where to ask ---- */

static bool url_set(CURLU *u, CURLUPart part, const char *text)
{
	return curl_url_set(u, part, text, 0) == CURLUE_OK;
}

/* A URL without a scheme is http's; one of http's without a port has Vaurien's. */
static bool url_host(CURLU *u, const char *host)
{
	char *scheme = NULL, *port = NULL, *url = NULL;

	if (!strstr(host, "://")) {
		int n = asprintf(&url, "http://%s", host);
		assert(n > 0);
	}
	bool good = url_set(u, CURLUPART_URL, url ? url : host)
	         && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
	if (good && strcmp(scheme, "http") == 0
	 && curl_url_get(u, CURLUPART_PORT, &port, 0) != CURLUE_OK)
		good = url_set(u, CURLUPART_PORT, "8080");
	curl_free(scheme);
	curl_free(port);
	free(url);
	return good;
}

static bool url_http_host(CURLU *u, const char *host)
{
	char *bracketed = NULL;

	if (host[0] != '[' && strchr(host, ':')) {
		int n = asprintf(&bracketed, "[%s]", host);
		assert(n > 0);
	}
	bool good = url_set(u, CURLUPART_HOST, bracketed ? bracketed : host);
	free(bracketed);
	return good;
}

static bool url_path(CURLU *u, const char *path)
{
	char *base, *whole;

	if (curl_url_get(u, CURLUPART_PATH, &base, 0) != CURLUE_OK)
		return false;
	size_t n = strlen(base);
	while (n && base[n - 1] == '/')
		n--;
	int length = asprintf(&whole, "%.*s%s", (int)n, base, path);
	assert(length > 0);
	bool good = url_set(u, CURLUPART_PATH, whole);
	free(whole);
	curl_free(base);
	return good;
}

static const char *call_host(const struct call *c)
{
	return c->http_host ? c->http_host : c->host;
}

static const char *unix_path(const struct call *c)
{
	return strncmp(call_host(c), "unix:", 5) == 0 ? call_host(c) + 5 : NULL;
}

/* Where `path` is; to be freed by curl_free. NULL: the words make no URL. */
static char *call_url(const struct call *c, const char *path)
{
	CURLU *u = curl_url();
	char *url = NULL;

	assert(u);
	bool good = unix_path(c) ? url_set(u, CURLUPART_URL, "http://localhost")
	          : url_host(u, c->host) && (!c->http_host || url_http_host(u, c->http_host))
	                                 && (!c->http_port || url_set(u, CURLUPART_PORT, c->http_port));
	if (good && url_path(u, path))
		curl_url_get(u, CURLUPART_URL, &url, 0);
	curl_url_cleanup(u);
	return url;
}

char *path_make(const char *path, ...)
{
	char *whole = strdup(path);
	va_list words;

	va_start(words, path);
	for (const char *word; whole && (word = va_arg(words, const char *));) {
		char *longer = NULL, *escaped = curl_easy_escape(NULL, word, 0);
		assert(escaped);
		int n = asprintf(&longer, "%s/%s", whole, escaped);
		assert(n > 0);
		curl_free(escaped);
		free(whole);
		whole = longer;
	}
	va_end(words);
	assert(whole);
	return whole;
}

/* ---- asking ---- */

static struct curl_slist *call_headers(const struct call *c)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *shown;

	if (c->token) {
		int n = asprintf(&shown, "Authorization: Bearer %s", c->token);
		assert(n > 0);
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

static void no_answer(const struct call *c, const char *url, CURLcode code)
{
	if (url)
		fprintf(stderr, "vaurienctl: no answer from %s: %s\n",
		        unix_path(c) ? call_host(c) : url, curl_easy_strerror(code));
	else
		fprintf(stderr, "vaurienctl: expected a host and a port from 1 to 65535, got '%s' and '%s'"
		        "\n", call_host(c), c->http_port ? c->http_port : "");
}

bool call_send(struct call *c, const char *method, const char *path, json_t *body, struct reply *r)
{
	char *url = call_url(c, path), *text = body ? json_dumps(body, 0) : NULL;
	CURLcode code = CURLE_URL_MALFORMAT;

	*r = (struct reply){ 0 };
	if (url) {
		call_set(c, url, r);
		curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 60L);
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
		if (text)
			curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
		code = call_perform(c, r);
	}
	if (code == CURLE_OK)
		r->body = json_loadb(r->text ? r->text : "", r->n, 0, NULL);
	else
		no_answer(c, url, code);
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
	if (r.status != 200 || !r.body)
		fail_reply(&r);
	else
		body = json_incref(r.body);
	reply_free(&r);
	return body;
}

int call_do(struct call *c, const char *method, const char *path, json_t *body, const char *said, ...)
{
	struct reply r;
	va_list args;
	int rc = 0;

	if (!call_send(c, method, path, body, &r))
		return FAILED;
	va_start(args, said);
	if (r.status < 200 || r.status > 299) {
		rc = fail_reply(&r);
	} else if (!c->json) {
		vprintf(said, args);
		putchar('\n');
	} else if (r.body) {
		json_show(r.body);
	} else {
		puts("{}");             /* done, with nothing to tell */
	}
	va_end(args);
	reply_free(&r);
	return rc;
}

/* ---- an answer that goes on ---- */

struct stream {
	struct call *call;
	struct reply *reply;            /* what is no line yet; all of it where the status is not 200 */
	void (*take)(void *whom, char *line);
	void *whom;
};

static size_t stream_take(char *bytes, size_t size, size_t n, void *stream)
{
	struct stream *s = stream;
	struct reply *r = s->reply;
	char *line = NULL, *end;

	reply_take(bytes, size, n, r);
	curl_easy_getinfo(s->call->curl, CURLINFO_RESPONSE_CODE, &r->status);
	if (r->status != 200)
		return size * n;
	for (line = r->text; (end = memchr(line, '\n', r->n - (size_t)(line - r->text))); line = end + 1) {
		*end = 0;
		s->take(s->whom, line);
	}
	r->n -= (size_t)(line - r->text);
	memmove(r->text, line, r->n);
	return size * n;
}

bool call_stream(struct call *c, const char *path, void (*take)(void *whom, char *line), void *whom, struct reply *r)
{
	char *url = call_url(c, path);
	CURLcode code = CURLE_URL_MALFORMAT;
	struct stream s = { c, r, take, whom };

	*r = (struct reply){ 0 };
	if (url) {
		call_set(c, url, r);
		curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, stream_take);
		curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &s);
		code = call_perform(c, r);
	}
	if (code == CURLE_OK)
		r->body = json_loadb(r->text ? r->text : "", r->n, 0, NULL);
	else
		no_answer(c, url, code);
	curl_free(url);
	return code == CURLE_OK;
}
