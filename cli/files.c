/* files.c - vaurienctl's actions that take all proxies to a file and back. */
#include <errno.h>
#include <string.h>

#include "call.h"

static const char *const proxy_fields[] = {
	"name", "listen", "ipv4_only", "upstream", "enabled", "protocol", "known_as", "topology",
	"unmapped", "behavior", NULL,
};

/* What populate takes: without what was counted. */
static json_t *exported(const json_t *proxy)
{
	json_t *made = json_object();

	const char *key;
	json_t *value;

	json_object_foreach((json_t *)proxy, key, value)
		if (!strncmp(key, "client_tls", 10) || !strncmp(key, "backend_tls", 11))
			json_object_set(made, key, value);
	for (const char *const *field = proxy_fields; *field; field++)
		if (json_object_get(proxy, *field))
			json_object_set(made, *field, json_object_get(proxy, *field));
	json_object_set_new(made, "toxics", toxics_exported(json_object_get(proxy, "toxics")));
	return made;
}

static int export(struct call *c)
{
	json_t *proxies = call_get(c, "/proxies");
	json_t *rows = proxies ? proxies_sorted(c, proxies) : NULL;
	json_t *all = json_array(), *row;
	size_t i;
	int rc = 0;

	json_array_foreach(rows, i, row)
		json_array_append_new(all, exported(row));
	if (rows)
		json_show(all);
	else
		rc = proxies ? fail_foreign(c, 200) : FAILED;
	json_decref(all);
	json_decref(rows);
	json_decref(proxies);
	return rc;
}

/* "-": the standard input. NULL: said what is wrong. */
static json_t *file_read(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	json_error_t error;

	if (!f) {
		fprintf(stderr, "vaurienctl: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	json_t *made = json_loadf(f, 0, &error);
	int why = ferror(f) ? errno : 0;
	if (f != stdin)
		fclose(f);
	if (why)
		fprintf(stderr, "vaurienctl: %s: %s\n", path, strerror(why));
	else if (!made)
		fprintf(stderr, "vaurienctl: %s: line %d: expected JSON: %s\n", path, error.line,
		        error.text);
	return made;
}

static void populated_show(const json_t *proxies)
{
	size_t i, n = json_array_size(proxies);
	const json_t *proxy;

	printf("Populated %zu %s%s", n, n == 1 ? "proxy" : "proxies", n ? ": " : "");
	json_array_foreach(proxies, i, proxy) {
		char *name = line_make(text_of(proxy, "name"));
		printf("%s%s", i ? ", " : "", name);
		free(name);
	}
	putchar('\n');
}

static int populate(struct call *c)
{
	json_t *body = file_read(c->words[0]);
	struct reply r;
	int rc = 0;

	if (!body || !call_send(c, "POST", "/populate", body, &r))
		return FAILED;
	if (r.status != 201 || !reply_rows(r.body, "proxies"))
		rc = fail_reply(c, &r);
	else if (c->json)
		json_show(r.body);
	else
		populated_show(json_object_get(r.body, "proxies"));
	reply_free(&r);
	return rc;
}

const struct action file_actions[] = {
	{ "populate", "FILE", "create the proxies of a JSON file; -: standard input", 1, 1,
	  NULL, populate,
	  "FILE is what `vaurienctl export` prints, or a file of Toxiproxy's. A proxy that is\n"
	  "there already stays if it has the same addresses, with its connections; otherwise it\n"
	  "is replaced. What is the same in FILE is not changed.\n" },
	{ "export", NULL, "print all proxies as JSON, as populate takes them", 0, 0, NULL, export },
	{ NULL },
};
