/* vaurienctl.c - asks a running vaurien, by HTTP, what its behavior is, or tells it another. */
#include <assert.h>
#include <curl/curl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vaurien.h"


enum { FAILED = 1, MISUSED = 2 };       /* exit codes */

struct action;

struct call {                           /* the command line, understood */
	const char *host;               /* a URL, or unix:/path */
	const char *http_host, *http_port;
	bool json;
	const struct action *action;
	const char *name;               /* its argument: a behavior, a backend */
	json_t *options;                /* of the behavior */
	CURL *curl;
};

struct reply { long status; json_t *body; char *text; size_t n; };

struct action {
	const char *name, *argument;    /* what it takes; NULL: nothing */
	int (*run)(struct call *);
};

/* ---- HTTP ---- */

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

static void reply_free(struct reply *r)
{
	json_decref(r->body);
	free(r->text);
}

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

static CURLcode call_perform(struct call *c, const char *url, const char *put, struct reply *r)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");        /* whatever the environment says */
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, unix_path(c));
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "vaurienctl/" VAURIEN_VERSION);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, reply_take);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, r);
	if (put) {
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, "PUT");
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, put);
		curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	}
	CURLcode code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &r->status);
	curl_slist_free_all(headers);
	return code;
}

/* GET, or PUT where there is a body (whose reference passes over). False: nobody answered; said so. */
static bool call_send(struct call *c, const char *path, json_t *body, struct reply *r)
{
	char *url = call_url(c, path);
	char *put = body ? json_dumps(body, 0) : NULL;
	CURLcode code = CURLE_URL_MALFORMAT;

	*r = (struct reply){ 0 };
	if (url)
		code = call_perform(c, url, put, r);
	if (code == CURLE_OK)
		r->body = json_loadb(r->text ? r->text : "", r->n, 0, NULL);
	else if (url)
		fprintf(stderr, "vaurienctl: no answer from %s: %s\n",
		        unix_path(c) ? call_host(c) : url, curl_easy_strerror(code));
	else
		fprintf(stderr, "vaurienctl: expected a host and a port from 1 to 65535, got '%s' and '%s'"
		        "\n", call_host(c), c->http_port ? c->http_port : "");
	json_decref(body);
	free(put);
	curl_free(url);
	return code == CURLE_OK;
}

/* ---- what is said ---- */

static int fail(const char *why)
{
	fprintf(stderr, "The request failed. %s\n", why);
	return FAILED;
}

/* What the server says is wrong; *name: with what. */
static const char *reply_error(const struct reply *r, const char **name)
{
	const json_t *error = json_array_get(json_object_get(r->body, "errors"), 0);
	const char *text = json_string_value(json_object_get(error, "description"));

	*name = json_string_value(json_object_get(error, "name"));
	return text ? text : json_string_value(json_object_get(r->body, "message"));
}

static int fail_reply(const struct reply *r)
{
	char status[64];
	const char *name, *text = reply_error(r, &name);

	snprintf(status, sizeof status, "The server answered with HTTP status %ld.", r->status);
	return fail(text ? text : status);
}

static char *names_join(const json_t *names)
{
	char *text;
	size_t size, i;
	const json_t *name;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	json_array_foreach(names, i, name)
		fprintf(out, "%s%s", i ? ", " : "",
		        json_is_string(name) ? json_string_value(name) : "?");
	fclose(out);
	return text;
}

/* GET `path` and print what is at `key`, or all of it. */
static int get_and_print(struct call *c, const char *path, const char *key)
{
	struct reply r;
	int rc = 0;

	if (!call_send(c, path, NULL, &r))
		return FAILED;
	const json_t *value = json_object_get(r.body, key);
	if (r.status != 200 || !json_is_object(r.body)) {
		rc = fail_reply(&r);
	} else if (c->json || json_is_object(value) || !value) {
		json_dumpf(r.body, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
		putchar('\n');
	} else if (json_is_array(value)) {
		char *names = names_join(value);
		puts(names);
		free(names);
	} else {
		puts(json_is_string(value) ? json_string_value(value) : "");
	}
	reply_free(&r);
	return rc;
}

/* ---- actions ---- */

static int list_behaviors(struct call *c)
{
	return get_and_print(c, "/behaviors", "behaviors");
}

static int get_behavior(struct call *c)
{
	return get_and_print(c, "/behavior", "behavior");
}

static int get_backend(struct call *c)
{
	return get_and_print(c, "/backend", "backend");
}

static int info(struct call *c)
{
	return get_and_print(c, "/info", "");
}

/* The name was not one of theirs: say which are. */
static int fail_name(struct call *c)
{
	struct reply r;
	char *sentence;

	if (!call_send(c, "/behaviors", NULL, &r))
		return FAILED;
	if (r.status != 200) {
		int rc = fail_reply(&r);
		reply_free(&r);
		return rc;
	}
	char *names = names_join(json_object_get(r.body, "behaviors"));
	int n = asprintf(&sentence, "Please use one of %s", names);
	assert(n > 0);
	fail(sentence);
	free(sentence);
	free(names);
	reply_free(&r);
	return FAILED;
}

static int set_behavior(struct call *c)
{
	struct reply r;
	const char *name = NULL;
	int rc = 0;

	if (!c->name)
		return fail_name(c);
	json_object_set_new(c->options, "name", json_string(c->name));
	if (!call_send(c, "/behavior", json_incref(c->options), &r))
		return FAILED;
	const char *text = reply_error(&r, &name);
	if (r.status == 200)
		printf("Behavior changed to \"%s\"\n", c->name);
	else if (r.status == 400 && text && name && strcmp(name, "name") == 0)
		rc = fail_name(c);
	else
		rc = fail_reply(&r);
	reply_free(&r);
	return rc;
}

static int set_backend(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (!call_send(c, "/backend", json_pack("{s:s}", "backend", c->name), &r))
		return FAILED;
	if (r.status == 200)
		printf("Backend changed to \"%s\"\n", c->name);
	else
		rc = fail_reply(&r);
	reply_free(&r);
	return rc;
}

static const struct action actions[] = {
	{ "list-behaviors", NULL,                          list_behaviors },
	{ "set-behavior",   "BEHAVIOR [--OPTION VALUE]...", set_behavior },
	{ "get-behavior",   NULL,                          get_behavior },
	{ "get-backend",    NULL,                          get_backend },
	{ "set-backend",    "HOST:PORT",                   set_backend },
	{ "info",           NULL,                          info },
	{ NULL },
};

/* ---- the command line ---- */

enum { OPT_HOST = 256, OPT_HTTP_HOST, OPT_HTTP_PORT, OPT_JSON, OPT_VERSION };

static const struct option flags[] = {
	{ "help",      no_argument,       NULL, 'h' },
	{ "version",   no_argument,       NULL, OPT_VERSION },
	{ "host",      required_argument, NULL, OPT_HOST },
	{ "http-host", required_argument, NULL, OPT_HTTP_HOST },
	{ "http-port", required_argument, NULL, OPT_HTTP_PORT },
	{ "json",      no_argument,       NULL, OPT_JSON },
	{ NULL },
};

static void usage(FILE *to)
{
	fputs("usage: vaurienctl [-h] [--version] [--host URL] [--http-host HOST] [--http-port PORT]\n"
	      "                  [--json]\n"
	      "                  {", to);
	for (const struct action *a = actions; a->name; a++)
		fprintf(to, "%s%s", a == actions ? "" : ",", a->name);
	fputs("} [argument]\n", to);
}

static void help(void)
{
	usage(stdout);
	puts("\nAsks a running Vaurien about its behavior, and changes it.\n\nactions:");
	for (const struct action *a = actions; a->name; a++)
		printf("  %s%s%s\n", a->name, a->argument ? " " : "", a->argument ? a->argument : "");
	puts("\noptions:\n"
	     "  -h, --help        show this help and exit\n"
	     "  --version         show the version and exit\n"
	     "  --host URL        where the API is (http://localhost:8080), or unix:/path\n"
	     "  --http-host HOST  its host alone (localhost), or unix:/path\n"
	     "  --http-port PORT  its port alone (8080)\n"
	     "  --json            print the whole answer of a get action\n\n"
	     "After set-behavior's name all other --options are the behavior's own, as in\n"
	     "  vaurienctl set-behavior delay --sleep 2 --before=false");
}

static int misuse(const char *why, const char *what)
{
	usage(stderr);
	fprintf(stderr, "vaurienctl: error: %s%s\n", why, what);
	return MISUSED;
}

static bool call_takes_options(const struct call *c)
{
	return c->action && c->action->run == set_behavior && c->name;
}

/* 2 and 0.5 are numbers, true and false are themselves, the rest is text. NULL: not even that. */
static json_t *value_parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (json_is_number(value) || json_is_boolean(value))
		return value;
	json_decref(value);
	return json_string(text);
}

/* "--inject", "--sleep=2", or "--sleep" and the `next` word. Takes 1 or 2 words; 0: it is not text. */
static int option_take(json_t *options, const char *word, const char *next)
{
	const char *equals = strchr(word, '=');
	const char *text = equals ? equals + 1 : next && strncmp(next, "--", 2) != 0 ? next : NULL;
	char *name = strndup(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));

	assert(name);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	int rc = json_object_set_new(options, name, text ? value_parse(text) : json_true());
	free(name);
	return rc < 0 ? 0 : text && !equals ? 2 : 1;
}

static int word_take(struct call *c, const char *word)
{
	if (!c->action) {
		for (c->action = actions; c->action->name && strcmp(c->action->name, word) != 0; )
			c->action++;
		return c->action->name ? 0 : misuse("unknown action: ", word);
	}
	if (c->name)
		return misuse("unrecognized argument: ", word);
	json_t *text = json_string(word);
	json_decref(text);
	if (!text)
		return misuse("expected UTF-8: ", word);
	c->name = word;
	return 0;
}

/* getopt_long hands over all words in order, but does not know the behaviors' options: taken here. */
static int unknown_take(struct call *c, int argc, char **argv)
{
	const char *word = argv[optind - 1];
	char letter[] = { '-', (char)optopt, 0 };

	if (optopt > 0 && optopt < 256)
		return misuse("unrecognized option: ", letter);
	if (optopt || !call_takes_options(c))
		return misuse("unrecognized option: ", word);
	int taken = option_take(c->options, word, optind < argc ? argv[optind] : NULL);
	if (!taken)
		return misuse("expected UTF-8: ", word);
	optind += taken - 1;
	return 0;
}

/* -1: go on; else exit with that. */
static int call_read(struct call *c, int argc, char **argv)
{
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 && (option = getopt_long(argc, argv, "-:h", flags, NULL)) != -1) {
		switch (option) {
		case 1:             rc = word_take(c, optarg); break;
		case 'h':           help(); return 0;
		case OPT_VERSION:   puts(VAURIEN_VERSION); return 0;
		case OPT_HOST:      c->host = optarg; break;
		case OPT_HTTP_HOST: c->http_host = optarg; break;
		case OPT_HTTP_PORT: c->http_port = optarg; break;
		case OPT_JSON:      c->json = true; break;
		case ':':           return misuse("expected a value behind ", argv[optind - 1]);
		default:            rc = unknown_take(c, argc, argv);
		}
	}
	for (; rc == 0 && optind < argc; optind++)      /* behind "--" */
		rc = word_take(c, argv[optind]);
	if (rc == 0 && !c->action)
		rc = misuse("expected an action", "");
	if (rc == 0 && c->action->run == set_backend && !c->name)
		rc = misuse("set-backend: expected HOST:PORT", "");
	return rc ? rc : -1;
}

int main(int argc, char **argv)
{
	struct call c = { .host = "http://localhost:8080", .options = json_object() };
	int rc = call_read(&c, argc, argv);

	if (rc < 0) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		c.curl = curl_easy_init();
		assert(c.curl);
		rc = c.action->run(&c);
		curl_easy_cleanup(c.curl);
		curl_global_cleanup();
	}
	json_decref(c.options);
	return rc;
}
