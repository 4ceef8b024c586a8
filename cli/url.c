/* url.c - where a running vaurien is asked. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

static bool url_set(CURLU *u, CURLUPart part, const char *text)
{
	return curl_url_set(u, part, text, 0) == CURLUE_OK;
}

/* A URL without a scheme is http's; one of http's without a port has Vaurien's. */
static bool url_host(CURLU *u, const char *host)
{
	char *scheme = NULL, *port = NULL, *url = NULL;

	if (!strstr(host, "://")) {
		url = xasprintf("http://%s", host);
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
		bracketed = xasprintf("[%s]", host);
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
	whole = xasprintf("%.*s%s", (int)n, base, path);
	bool good = url_set(u, CURLUPART_PATH, whole);
	free(whole);
	curl_free(base);
	return good;
}

const char *call_host(const struct call *c)
{
	return c->http_host ? c->http_host : c->host;
}

const char *unix_path(const struct call *c)
{
	return strncmp(call_host(c), "unix:", 5) == 0 ? call_host(c) + 5 : NULL;
}

char *call_url(const struct call *c, const char *path)
{
	CURLU *u = curl_url();
	char *url = NULL;

	assert(u);
	bool good = unix_path(c) ? url_set(u, CURLUPART_URL, "http://localhost")
	          : url_host(u, c->host)
	            && (!c->http_host || url_http_host(u, c->http_host))
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
		longer = xasprintf("%s/%s", whole, escaped);
		curl_free(escaped);
		free(whole);
		whole = longer;
	}
	va_end(words);
	assert(whole);
	return whole;
}
