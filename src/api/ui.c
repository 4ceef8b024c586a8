/* ui.c - the dashboard: ui/ and the outages, served at /ui/, and a browser's way there. */
#include "api/ui.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/router.h"
#include "base/memory.h"

#define UI "/ui/"
#define INDEX "index.html"

enum { FILES_MAX = 32 };

/* Nothing but the program's own files, and no page of others around this one. */
static const struct { const char *name, *value; } headers[] = {
	{ "Content-Security-Policy",
	  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
	  "object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cache-Control", "no-cache" },
};

/* ---- files ---- */

static const char *file_type(const char *name)
{
	static const struct { const char *ending, *type; } types[] = {
		{ ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" }, { ".svg", "image/svg+xml" },
		{ ".ini", "text/plain; charset=utf-8" },
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (!strcmp(dot, types[i].ending))
			return types[i].type;
	return "application/octet-stream";
}

/* The file at this URL. NULL: there is none. */
static const struct ui_file *file_find(const char *url)
{
	const char *name = strncmp(url, UI, strlen(UI)) ? NULL : url + strlen(UI);
	size_t n = name ? strcspn(name, "?#") : 0;

	if (name && !n) {
		name = INDEX;
		n = strlen(INDEX);
	}
	for (const struct ui_file *f = ui_files; name && f->name; f++)
		if (strlen(f->name) == n && !memcmp(f->name, name, n))
			return f;
	return NULL;
}

static void get_file(struct request *r)
{
	const struct ui_file *f = file_find(r->url);

	if (!f) {                       /* an absolute URI, which no browser sends here */
		request_error(r, 404, "url", "", "expected " UI);
		return;
	}
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		request_set_header(r, headers[i].name, headers[i].value);
	char *bytes = xmalloc(f->n + 1);
	memcpy(bytes, f->bytes, f->n);
	request_answer_text(r, 200, file_type(f->name), bytes, f->n);
}

/* ---- a browser ---- */

static bool reads(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

/* At "/" or "/ui". Programs that use the API send another Accept, or none: nothing is there. */
static bool browser_at_root(struct request *r, const char *method)
{
	const char *accept = request_header(r, "Accept");
	size_t n = strcspn(r->url, "?#");
	bool root = (n == 1 && r->url[0] == '/') || (n == 3 && !strncmp(r->url, UI, 3));

	return root && reads(method) && accept && strstr(accept, "text/html");
}

bool ui_public(struct request *r, const char *method)
{
	return reads(method) && (file_find(r->url) || browser_at_root(r, method));
}

bool ui_redirects(struct request *r, const char *method)
{
	if (!browser_at_root(r, method))
		return false;
	request_set_header(r, "Location", UI);
	request_set_header(r, "Cache-Control", "no-store");
	request_set_header(r, "Vary", "Accept");
	request_answer_text(r, 302, NULL, NULL, 0);
	return true;
}

/* ---- routes: one for each file, so that a proxy named "ui" keeps its own ---- */

static struct route routes[FILES_MAX + 2] = {
	{ "GET", "/ui/", get_file, false },
};

__attribute__((constructor)) static void routes_fill(void)
{
	static char paths[FILES_MAX][64];
	size_t n = 0;

	for (const struct ui_file *f = ui_files; f->name; f++, n++) {
		assert(n < FILES_MAX && strlen(f->name) + sizeof UI < sizeof paths[n]);
		snprintf(paths[n], sizeof paths[n], UI "%s", f->name);
		routes[n + 1] = (struct route){ "GET", paths[n], get_file, false };
	}
}

DIALECT(ui, .routes = routes)
