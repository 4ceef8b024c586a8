/* probe_words.c - a probe as the user wrote it. */
#include "audit/probe_words.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { NAME_LONGEST = 64, BODY_MOST = 16 << 20 };

#define OPTION(name_, type_, ...) \
	{ .name = #name_, .type = type_, .offset = offsetof(struct probe_values, name_), \
	  __VA_ARGS__ }

static const struct vn_opt options[] = {
	OPTION(url, VN_OPT_TEXT, .help = "http:// or https://"),
	OPTION(command, VN_OPT_TEXT, .help = "a command of the shell"),
	OPTION(method, VN_OPT_TEXT, .def = "GET", .help = "of the request"),
	OPTION(body, VN_OPT_TEXT, .help = "to send; @FILE: a file's contents"),
	OPTION(status, VN_OPT_TEXT, .def = "2xx,3xx", .help = "codes and classes that are ok"),
	OPTION(within, VN_OPT_TIME, .unit = VN_S, .min = 0.001, .help = "later is slow"),
	OPTION(timeout, VN_OPT_TIME, .unit = VN_S, .min = 0.001, .help = "some answer until then"),
	OPTION(every, VN_OPT_TIME, .unit = VN_S, .min = 0.001, .help = "the interval"),
	OPTION(expect, VN_OPT_TEXT, .def = "any", .help = "any, works, works:PROXY,..."),
	OPTION(asks, VN_OPT_TEXT, .help = "the proxies that its answer needs, or none"),
	OPTION(insecure, VN_OPT_BOOL, .help = "certificates are not checked"),
	{ NULL }
};

/* Words that may be repeated. */
static const struct { const char *name; size_t offset; } several[] = {
	{ "header", offsetof(struct probe_words, headers) },
	{ "contains", offsetof(struct probe_words, contains) },
	{ "lacks", offsetof(struct probe_words, lacks) },
};

enum { SEVERAL = sizeof several / sizeof several[0] };

const struct probe_values *probe_values(const struct probe_words *p)
{
	return p->values.opts;
}

/* ---- lists ---- */

void texts_add(struct texts *t, const char *text, size_t length)
{
	t->at = xrealloc(t->at, (t->n + 1) * sizeof *t->at);
	t->at[t->n++] = xstrndup(text, length);
}

void texts_free(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
	*t = (struct texts){ .at = NULL };
}

bool list_each(const char *list, bool (*take)(void *user, const char *word), void *user)
{
	bool good = true;

	while (good && *list) {
		size_t n = strcspn(list, ","), from = strspn(list, " \t");
		char *word = xstrndup(list + (from < n ? from : n), from < n ? n - from : 0);
		for (size_t end = strlen(word); end && isspace((unsigned char)word[end - 1]); end--)
			word[end - 1] = 0;
		good = take(user, word);
		free(word);
		list += n + (list[n] == ',');
	}
	return good;
}

/* ---- begin, end ---- */

void probe_words_init(struct probe_words *p, const char *name)
{
	*p = (struct probe_words){ .name = xstrdup(name) };
	opt_values_init(&p->values, options, sizeof(struct probe_values));
}

void probe_words_free(struct probe_words *p)
{
	opt_values_free(&p->values);
	texts_free(&p->headers);
	texts_free(&p->contains);
	texts_free(&p->lacks);
	free(p->name);
	free(p->body);
}

/* ---- words ---- */

static bool word_unknown(const char *key, char error[ERROR_MAX])
{
	struct suggestion near = { .word = key };
	char meant[SUGGEST_MAX], shown[64];

	for (const struct vn_opt *o = options; o->name; o++)
		suggest_try(&near, o->name);
	for (size_t i = 0; i < SEVERAL; i++)
		suggest_try(&near, several[i].name);
	error_format(error, "a probe has no word '%s'%s", text_printable(key, shown, sizeof shown),
	             suggest_show(&near, "", meant));
	return false;
}

static bool header_good(const char *value, char error[ERROR_MAX])
{
	const char *colon = strchr(value, ':');
	bool good = colon && colon > value;

	for (const char *c = value; *c; c++)
		good &= !iscntrl((unsigned char)*c) && (c >= colon || !isspace((unsigned char)*c));
	if (!good)
		error_format(error, "header: expected NAME: VALUE");
	return good;
}

bool probe_words_set(struct probe_words *p, const char *key, const char *value,
                     char error[ERROR_MAX])
{
	const struct vn_opt *o = opt_find(options, key);

	for (size_t i = 0; i < SEVERAL; i++) {
		if (strcmp(several[i].name, key))
			continue;
		if (!strcmp(key, "header") && !header_good(value, error))
			return false;
		texts_add((struct texts *)((char *)p + several[i].offset), value, strlen(value));
		return true;
	}
	return o ? opt_set_text(&p->values, o, value, error) : word_unknown(key, error);
}

static bool is_url(const char *text)
{
	return !strncasecmp(text, "http://", 7) || !strncasecmp(text, "https://", 8);
}

static bool is_command(const char *text)
{
	return !strncmp(text, "sh:", 3);
}

/* A name from what is asked: "orders-tea" of http://localhost:5000/orders/tea. */
static char *name_made(const char *what, bool url)
{
	const char *host = url ? strstr(what, "//") + 2 : what;
	const char *path = url ? host + strcspn(host, "/?#") : what;
	const char *user = url ? memrchr(host, '@', (size_t)(path - host)) : NULL;
	const char *from = path + strspn(path, "/ ?#");
	size_t n = url ? strcspn(from, "?#") : strcspn(from, " ");
	char *name, *to;

	if (!n) {
		from = user ? user + 1 : host;
		n = strcspn(from, "/:?#");
	}
	if (!url)
		for (const char *c = from; c < from + n; c++)
			if (*c == '/') {
				n -= (size_t)(c + 1 - from);
				from = c + 1;
			}
	n = n < NAME_LONGEST ? n : NAME_LONGEST;
	name = to = xcalloc(1, n + 2);
	for (; n; n--, from++)
		if (isalnum((unsigned char)*from) || *from == '_')
			*to++ = *from;
		else if (to > name && to[-1] != '-')
			*to++ = '-';
	while (to > name && to[-1] == '-')
		*--to = 0;
	if (to == name)
		strcpy(name, "p");
	return name;
}

static bool name_good(const char *name)
{
	size_t n = strlen(name);
	bool good = n && n <= NAME_LONGEST;

	for (size_t i = 0; i < n; i++)
		good &= isalnum((unsigned char)name[i]) || strchr("_-", name[i]);
	return good;
}

/* "front=http://..." has a name; "http://host/?a=b" has none. */
static size_t name_length(const char *text)
{
	size_t n = strcspn(text, "= \t");

	return text[n] == '=' && !is_url(text) && !is_command(text) ? n : 0;
}

static bool words_take(struct probe_words *p, const char *at, char error[ERROR_MAX])
{
	char *word;
	bool good = true;

	error[0] = 0;
	while (good && (word = word_next(&at, error))) {
		char *equals = strchr(word, '=');
		if (equals) {
			*equals = 0;
			good = probe_words_set(p, word, equals + 1, error);
		} else {
			error_format(error, "expected word=value, got '%.60s'", word);
			good = false;
		}
		free(word);
	}
	return good && !error[0];
}

bool probe_words_read(struct probe_words *p, const char *text, char error[ERROR_MAX])
{
	const char *begin = text + strspn(text, " \t");
	size_t n = name_length(begin);
	const char *what = begin + n + (n > 0);
	bool url = is_url(what);

	if (!url && !is_command(what)) {
		error_format(error, "expected [NAME=]http://..., [NAME=]https://... or "
		             "[NAME=]sh: COMMAND, got '%.80s'", text);
		return false;
	}
	size_t end = url ? strcspn(what, " \t") : strlen(what);
	const char *command = what + 3 + strspn(what + (url ? 0 : 3), " \t") * !url;
	char *given = url ? xstrndup(what, end) : xstrdup(command);
	char *name = n ? xstrndup(begin, n) : name_made(given, url);
	probe_words_init(p, name);
	bool good = probe_words_set(p, url ? "url" : "command", given, error) &&
	            (!url || words_take(p, what + end, error));
	free(name);
	free(given);
	if (!good)
		probe_words_free(p);
	return good;
}

/* ---- all words together ---- */

struct status_reading { struct probe_words *p; char *error; };

static bool status_take(void *user, const char *word)
{
	struct status_reading *r = user;
	bool class = strlen(word) == 3 && word[0] >= '1' && word[0] <= '5' &&
	             !strcasecmp(word + 1, "xx");
	int code = class ? (word[0] - '0') * 100 : atoi(word);

	if (!class && (strspn(word, "0123456789") != 3 || strlen(word) != 3 || code < 100 ||
	               code > 599)) {
		error_format(r->error, "status: expected codes and classes such as 2xx,404, got "
		             "'%.40s'", word);
		return false;
	}
	for (int i = code; i < code + (class ? 100 : 1); i++)
		r->p->statuses[i] = true;
	return true;
}

static bool body_read(struct probe_words *p, char error[ERROR_MAX])
{
	const char *body = probe_values(p)->body;
	char why[ERROR_MAX];

	if (!body)
		return true;
	if (*body != '@') {
		p->body = xstrdup(body);
		p->body_size = strlen(body);
		return true;
	}
	int code = file_read(body + 1, BODY_MOST, &p->body, &p->body_size, why);
	if (code)
		error_format(error, "body: cannot read '%.80s': %.100s", body + 1,
		             code > 0 && code == ENOENT ? strerror(code) : why);
	return !code;
}

static bool url_good(const char *url, char error[ERROR_MAX])
{
	CURLU *u = curl_url();
	bool good = is_url(url) && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;

	curl_url_cleanup(u);
	if (!good)
		error_format(error, "url: expected http://HOST... or https://HOST..., got '%.80s'",
		             url);
	return good;
}

static bool method_good(const char *method, char error[ERROR_MAX])
{
	bool good = *method;

	for (const char *c = method; *c; c++)
		good &= isalpha((unsigned char)*c) || *c == '-';
	if (!good)
		error_format(error, "method: expected a word such as GET or POST, got '%.40s'",
		             method);
	return good;
}

static bool expect_good(const char *expect, char error[ERROR_MAX])
{
	bool good = !strcmp(expect, "any") || !strcmp(expect, "works") ||
	            (!strncmp(expect, "works:", 6) && expect[6]);

	if (!good)
		error_format(error, "expect: expected any, works or works:PROXY,..., got '%.40s'",
		             expect);
	return good;
}

/* Words of requests that a command cannot have. */
static bool command_good(const struct probe_words *p, char error[ERROR_MAX])
{
	const struct probe_values *v = probe_values(p);
	const char *wrong = v->url ? "url" : p->headers.n ? "header" : v->body ? "body" :
	                    strcmp(v->method, "GET") ? "method" :
	                    strcmp(v->status, "2xx,3xx") ? "status" :
	                    v->insecure ? "insecure" : NULL;

	if (wrong)
		error_format(error, "%s: expected a url with it, got a command", wrong);
	return !wrong;
}

bool probe_words_finish(struct probe_words *p, char error[ERROR_MAX])
{
	const struct probe_values *v = probe_values(p);
	struct status_reading reading = { p, error };

	if (!name_good(p->name)) {
		error_format(error, "expected a name of letters, digits, - and _, got '%.70s'",
		             p->name);
		return false;
	}
	/* Reports have rows of these names beside those of the probes. */
	if (!strcmp(p->name, "connections") || !strcmp(p->name, "outage")) {
		error_format(error, "expected another name than '%s', which reports use", p->name);
		return false;
	}
	if (!(v->url && *v->url) && !(v->command && v->command[strspn(v->command, " \t")])) {
		error_format(error, "expected a url or a command");
		return false;
	}
	if (v->command)
		return command_good(p, error) && expect_good(v->expect, error);
	return url_good(v->url, error) && method_good(v->method, error) &&
	       expect_good(v->expect, error) && list_each(v->status, status_take, &reading) &&
	       body_read(p, error);
}

char *probe_words_what(const struct probe_words *p)
{
	const struct probe_values *v = probe_values(p);
	char *shown;

	if (v->command) {
		shown = xasprintf("sh: %s", v->command);
	} else {
		CURLU *u = curl_url();
		char *url = NULL;
		curl_url_set(u, CURLUPART_URL, v->url, 0);
		curl_url_set(u, CURLUPART_USER, NULL, 0);
		curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		curl_url_get(u, CURLUPART_URL, &url, 0);
		shown = xasprintf("%s %s", v->method, url ? url : v->url);
		curl_free(url);
		curl_url_cleanup(u);
	}
	return shown;
}
