/* router.c - tables of routes, one per dialect, and the search for a request's route. */
#include "api/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
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
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;                        /* to lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` bytes of a path with each %XX decoded, except %00. A new text. */
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

/* The path without empty segments, "." and "..". A new text. */
static char *path_clean(const char *path, size_t n)
{
	char *made = xmalloc(n + 2), *to = made;
	bool folder = true;             /* ends with a slash, or as if it did */

	for (size_t i = 0; i < n;) {
		size_t at = i + (path[i] == '/'), end = at;
		while (end < n && path[end] != '/')
			end++;
		size_t len = end - at;
		folder = len <= 2 && strncmp(path + at, "..", len) == 0;        /* "", ".", ".." */
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

/* Compare path and pattern by segments. `params`, unless NULL, gets the segments at each {}. */
static bool path_fits(const char *pattern, const char *path, char *params[PARAMS_MAX])
{
	unsigned n = 0;

	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		size_t a = segment(pattern), b = segment(path);
		char *text = decode(path, b);
		bool param = a == 2 && memcmp(pattern, "{}", 2) == 0;
		bool fits = param ? *text != 0 : strlen(text) == a && memcmp(text, pattern, a) == 0;
		if (fits && param && params) {
			assert(n < PARAMS_MAX);
			free(params[n]);
			params[n++] = text;
		} else {
			free(text);
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

static bool method_fits(const struct dialect *d, const struct route *route, const char *method)
{
	if (!route->method || strcmp(route->method, method) == 0)
		return true;
	return !d->no_head && strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0;
}

/* The route of one dialect. NULL: none; r->allow lists the methods that the path has. */
static const struct route *dialect_route(const struct dialect *d, struct request *r,
                                         const char *method, const char *path, bool of_proxy)
{
	bool get = false;

	for (const struct route *route = d->routes; route->path; route++) {
		if ((of_proxy && !route->of_proxy) || !path_fits(route->path, path, NULL))
			continue;
		r->dialect = d;
		if (method_fits(d, route, method)) {
			path_fits(route->path, path, r->params);
			r->allow[0] = 0;
			return route;
		}
		get |= strcmp(route->method, "GET") == 0;
		allow_add(r, route->method);
	}
	if (get)
		allow_add(r, "HEAD");           /* libmicrohttpd leaves the body out */
	return NULL;
}

static const struct route *any_route(struct request *r, const char *method, const char *path,
                                     bool of_proxy)
{
	const struct route *route = NULL;

	for (const struct dialect *d = dialects; d && !route; d = d->next)
		if (d->first && d->first(r))
			route = dialect_route(d, r, method, path, of_proxy);
	if (!route)
		r->allow[0] = 0;
	for (const struct dialect *d = dialects; d && !route && !r->allow[0]; d = d->next)
		if (!d->first)
			route = dialect_route(d, r, method, path, of_proxy);
	return route;
}

/* ---- proxies ---- */

static bool port_is(const char *text, int port)
{
	char digits[16];

	snprintf(digits, sizeof digits, "%d", port);
	return port > 0 && strcmp(text, digits) == 0;
}

/* By name, else by TCP port. */
static struct proxy *proxy_by_name_or_port(struct control *c, const char *name)
{
	struct proxy *found = control_find(c, name);

	for (size_t i = 0; !found && i < control_proxy_count(c); i++)
		if (port_is(name, proxy_spec(control_proxy(c, i))->listen.port))
			found = control_proxy(c, i);
	return found;
}

/* The route of a path such as /PROXY/behavior. NULL: there is none, or the request was
 * answered: the path has a route, but there is no such proxy. */
static const struct route *proxy_route(struct request *r, const char *method, const char *path)
{
	const char *slash = *path ? strchr(path + 1, '/') : NULL;
	const struct route *route = slash ? any_route(r, method, slash, true) : NULL;

	if (!route)
		return NULL;
	char *name = decode(path + 1, (size_t)(slash - path - 1));
	r->proxy = proxy_by_name_or_port(request_control(r), name);
	if (!r->proxy)
		request_no_proxy(r, name);
	free(name);
	return r->proxy ? route : NULL;
}

/* ---- 404 and 405 ---- */

static void vaurien_not_found(struct request *r, unsigned status)
{
	char message[ERROR_MAX];
	const char *title = status == 405 ? "Method Not Allowed" : "Not Found";

	if (status == 405)
		snprintf(message, sizeof message,
		         "The method %.64s is not allowed for this resource. \n\n\n", r->method);
	else
		snprintf(message, sizeof message, "The resource could not be found.");
	request_answer(r, status,
	               json_pack("{s:o, s:o, s:s}", "message", json_text(message),
	                         "code", json_sprintf("%u %s", status, title), "title", title));
}

static void answer_not_found(struct request *r, unsigned status)
{
	if (r->dialect && r->dialect->not_found) {
		r->allow[0] = 0;                /* the dialect sets its own headers */
		r->dialect->not_found(r, status);
	} else {
		vaurien_not_found(r, status);
	}
}

/* The dialect that answers a path without a route: by its prefix, or the one of the settings. */
static const struct dialect *path_dialect(struct request *r, const char *path)
{
	const char *by_default = control_settings(request_control(r))->dialect;

	for (const struct dialect *d = dialects; d; d = d->next) {
		if (d->prefix && strncmp(path, d->prefix, strlen(d->prefix)) == 0)
			return d;
		if (by_default && !strcmp(d->name, by_default))
			return d;
	}
	return NULL;
}

/* The route of a clean path. NULL: answered. */
static const struct route *route_search(struct request *r, const char *method, const char *path)
{
	const struct route *route = any_route(r, method, path, false);

	if (!route && !r->allow[0])
		route = proxy_route(r, method, path);
	if (r->ready)
		return NULL;
	if (!route && !r->allow[0])
		r->dialect = path_dialect(r, path);
	if (!route) {
		answer_not_found(r, r->allow[0] ? 405 : 404);
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
	const char *received = url_path(r->url, &n);
	char *path = path_clean(received, n);
	const struct route *route = NULL;

	r->method = method;
	if (strlen(path) == n && memcmp(path, received, n) == 0) {
		route = route_search(r, method, path);
	} else {
		request_set_header(r, "Location", path);
		request_answer_text(r, 301, NULL, NULL, 0);
	}
	free(path);
	return route;
}
