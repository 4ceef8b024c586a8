/* router.c - where a request goes: the dialects' tables, against the segments of its path. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#include "api/request.h"
#include "base/memory.h"

static struct dialect *dialects;

void dialect_announce(struct dialect *d)
{
	d->next = dialects;
	dialects = d;
}

/* ---- paths ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* `n` bytes of a path without their %XX. A new text; no name has a %00, so that stays as it is. */
static char *decode(const char *p, size_t n)
{
	char *made = xmalloc(n + 1), *to = made;

	for (size_t i = 0; i < n; i++) {
		bool coded = p[i] == '%' && i + 2 < n && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0;
		int c = coded ? hex(p[i + 1]) << 4 | hex(p[i + 2]) : 0;
		*to++ = c ? (char)c : p[i];
		i += c ? 2 : 0;
	}
	*to = 0;
	return made;
}

/* The path of an absolute URI, or the path itself; without the query. */
static const char *url_path(const char *url, size_t *n)
{
	const char *path = url;

	if (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0) {
		path = strchr(strchr(url, ':') + 3, '/');
		path = path ? path : "/";
	}
	*n = strcspn(path, "?#");
	return path;
}

/* Without empty segments, "." and "..". A new text. */
static char *path_clean(const char *path, size_t n)
{
	char *made = xmalloc(n + 2), *to = made;
	bool folder = true;             /* ends with a slash */

	for (size_t i = 0; i < n;) {
		size_t at = i + (path[i] == '/'), end = at;
		while (end < n && path[end] != '/')
			end++;
		size_t len = end - at;
		folder = len == 0 || (path[at] == '.' && (len == 1 || (len == 2 && path[at + 1] == '.')));
		if (folder && len == 2)
			while (to > made && *--to != '/')
				;
		if (!folder) {
			*to++ = '/';
			memcpy(to, path + at, len);
			to += len;
		}
		i = end;
	}
	if (to == made || (folder && n && path[n - 1] == '/'))
		*to++ = '/';
	*to = 0;
	return made;
}

static size_t segment(const char *p)
{
	return strcspn(p, "/");
}

/* Does the path fit the pattern, segment by segment? What stands at each {} goes to `words`. */
static bool path_fits(const char *pattern, const char *path, char *words[WORDS_MAX])
{
	unsigned n = 0;

	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		size_t a = segment(pattern), b = segment(path);
		char *word = decode(path, b);
		bool slot = a == 2 && memcmp(pattern, "{}", 2) == 0;
		bool fits = slot ? *word != 0 : strlen(word) == a && memcmp(word, pattern, a) == 0;
		if (fits && slot && words) {
			assert(n < WORDS_MAX);
			free(words[n]);
			words[n++] = word;
		} else {
			free(word);
		}
		if (!fits)
			return false;
		pattern += a;
		path += b;
	}
	return !*pattern && !*path;
}

/* ---- tables ---- */

static void allow_add(struct request *r, const char *method)
{
	size_t n = strlen(r->allow);

	snprintf(r->allow + n, sizeof r->allow - n, "%s%s", n ? ", " : "", method);
}

/* The route of one dialect. NULL: none; r->allow then lists the methods that there are. */
static const struct route *route_of(const struct dialect *d, struct request *r, const char *method, const char *path, bool of_proxy)
{
	bool get = false;

	for (const struct route *route = d->routes; route->path; route++) {
		if ((of_proxy && !route->of_proxy) || !path_fits(route->path, path, NULL))
			continue;
		r->dialect = d;
		bool head = !d->no_head && strcmp(method, "HEAD") == 0;
		if (!route->method || strcmp(route->method, method) == 0 || (head && strcmp(route->method, "GET") == 0)) {
			path_fits(route->path, path, r->words);
			r->allow[0] = 0;
			return route;
		}
		get |= strcmp(route->method, "GET") == 0;
		allow_add(r, route->method);
	}
	if (get)
		allow_add(r, "HEAD");           /* the daemon leaves the body out */
	return NULL;
}

static const struct route *route_of_any(struct request *r, const char *method, const char *path, bool of_proxy)
{
	const struct route *route = NULL;

	for (const struct dialect *d = dialects; d && !route && !r->allow[0]; d = d->next)
		route = route_of(d, r, method, path, of_proxy);
	return route;
}

/* ---- proxies ---- */

static bool number_is(const char *text, int port)
{
	char digits[16];

	snprintf(digits, sizeof digits, "%d", port);
	return port > 0 && strcmp(text, digits) == 0;
}

/* Names go before TCP ports. */
static struct proxy *proxy_meant(struct control *c, const char *name)
{
	struct proxy *found = control_find(c, name);

	for (size_t i = 0; !found && i < control_proxy_count(c); i++)
		if (number_is(name, proxy_spec(control_proxy(c, i))->listen.port))
			found = control_proxy(c, i);
	return found;
}

/* /NAME/behavior. NULL: there is no such path, or it was refused: there is, but no such proxy. */
static const struct route *route_of_proxy(struct request *r, const char *method, const char *path)
{
	const char *slash = *path ? strchr(path + 1, '/') : NULL;
	const struct route *route = slash ? route_of_any(r, method, slash, true) : NULL;

	if (!route)
		return NULL;
	char *name = decode(path + 1, (size_t)(slash - path - 1));
	r->proxy = proxy_meant(request_control(r), name);
	if (!r->proxy) {
		char sentence[ERROR_MAX], shown[80];
		error_format(sentence, "there is no proxy '%s'", text_printable(name, shown, sizeof shown));
		request_error(r, 404, "url", "proxy", sentence);
		route = NULL;
	}
	free(name);
	return route;
}

/* ---- what there is none for ---- */

static void vaurien_not_found(struct request *r, unsigned status)
{
	char message[ERROR_MAX];
	const char *title = status == 405 ? "Method Not Allowed" : "Not Found";

	if (status == 405)
		snprintf(message, sizeof message, "The method %.64s is not allowed for this resource. \n\n\n", r->method);
	else
		snprintf(message, sizeof message, "The resource could not be found.");
	request_answer(r, status, json_pack("{s:o, s:o, s:s}", "message", json_text(message),
	                                    "code", json_sprintf("%u %s", status, title), "title", title));
}

void request_not_found(struct request *r, unsigned status)
{
	if (r->dialect && r->dialect->not_found) {
		r->allow[0] = 0;                /* it says itself what there is to say */
		r->dialect->not_found(r, status);
	} else {
		vaurien_not_found(r, status);
	}
}

/* Whose is a path that no route has? */
static const struct dialect *dialect_of(struct request *r, const char *path)
{
	const char *spoken = control_settings(request_control(r))->dialect;

	for (const struct dialect *d = dialects; d; d = d->next)
		if ((d->prefix && strncmp(path, d->prefix, strlen(d->prefix)) == 0) || (spoken && !strcmp(d->name, spoken)))
			return d;
	return NULL;
}

/* Of a path as it should be. */
static const struct route *route_search(struct request *r, const char *method, const char *path)
{
	const struct route *route = route_of_any(r, method, path, false);

	if (!route && !r->allow[0])
		route = route_of_proxy(r, method, path);
	if (r->ready)
		return NULL;
	if (!route && !r->allow[0])
		r->dialect = dialect_of(r, path);
	if (!route) {
		request_not_found(r, r->allow[0] ? 405 : 404);
		return NULL;
	}
	struct control *c = request_control(r);
	if (!r->proxy && control_proxy_count(c))
		r->proxy = control_proxy(c, 0);
	if (r->proxy || !route->of_proxy || route->needs_none)
		return route;
	request_error(r, 404, "url", "", "there is no proxy");
	return NULL;
}

const struct route *route_find(struct request *r, const char *method)
{
	size_t n;
	const char *as_it_came = url_path(r->url, &n);
	char *path = path_clean(as_it_came, n);
	const struct route *route = NULL;

	r->method = method;
	if (strlen(path) == n && memcmp(path, as_it_came, n) == 0) {
		route = route_search(r, method, path);
	} else {
		request_set_header(r, "Location", path);
		request_answer_text(r, 301, NULL, NULL, 0);
	}
	free(path);
	return route;
}
