/* toxics.c - vaurienctl's actions on toxics: rules of a proxy, under Toxiproxy's names. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* What stands beside `attributes`, not in them. */
static const char *const toxic_fields[] = {
	"name", "type", "stream", "toxicity", "match", "kind", "client", "connections", "skip",
	"times", "every", "ttl", "per", "share", NULL,
};

/* What is no condition of a toxic. */
static const char *const plain_fields[] = {
	"name", "type", "stream", "toxicity", "attributes", "seen", "hits", "unreachable", NULL,
};

static bool among(const char *key, const char *const *names)
{
	while (*names && strcmp(*names, key))
		names++;
	return *names;
}

static bool is_field(const char *key)
{
	return among(key, toxic_fields);
}

/* ---- shown ---- */

/* As Toxiproxy's own client: the shortest that is still this number, from a million on 1e+06. */
static char *number_show(double d)
{
	char *text = malloc(64);
	int digits = 0, exponent;

	assert(text);
	do
		snprintf(text, 64, "%.*e", digits, d);
	while (strtod(text, NULL) != d && ++digits < 17);
	exponent = atoi(strchr(text, 'e') + 1);
	if (exponent >= -4 && exponent < 6)
		snprintf(text, 64, "%.*f", digits > exponent ? digits - exponent : 0, d);
	return text;
}

static void attribute_show(const char *key, const json_t *value)
{
	char *text = json_is_number(value) ? number_show(json_number_value(value))
	                                   : value_show(value);
	char *name = line_make(key);

	printf("\t%s=%s", name, text);
	free(name);
	free(text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void attributes_show(json_t *attributes)
{
	size_t n = json_object_size(attributes), i = 0;
	const char **keys = calloc(n + 1, sizeof *keys), *key;
	json_t *value;

	assert(keys);
	json_object_foreach(attributes, key, value)
		keys[i++] = key;
	qsort(keys, n, sizeof *keys, by_name);
	for (i = 0; i < n; i++)
		attribute_show(keys[i], json_object_get(attributes, keys[i]));
	free(keys);
}

/* match, client and the like: what narrows it down. */
static json_t *conditions_make(const json_t *toxic)
{
	json_t *made = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)toxic, key, value)
		if (!among(key, plain_fields) && !json_is_null(value))
			json_object_set(made, key, value);
	return made;
}

/* As Toxiproxy's own client prints it; what is ours stands behind that. */
static void toxic_line(const json_t *toxic)
{
	char *name = line_make(text_of(toxic, "name")), *type = line_make(text_of(toxic, "type"));
	char *stream = line_make(text_of(toxic, "stream"));
	json_t *conditions = conditions_make(toxic);

	printf("%s\ttype=%s\tstream=%s\ttoxicity=%.2f\tattributes=[", name, type, stream,
	       json_number_value(json_object_get(toxic, "toxicity")));
	attributes_show(json_object_get(toxic, "attributes"));
	fputs("\t]", stdout);
	attributes_show(conditions);
	putchar('\n');
	json_decref(conditions);
	free(name);
	free(type);
	free(stream);
}

void toxics_show(json_t *toxics)
{
	static const struct column columns[] = {
		{ "name", "toxic" }, { "type", "type" }, { "stream", "stream" },
		{ "toxicity", "toxicity" }, { "seen", "seen" }, { "hits", "hits" },
		{ "attributes", "attributes" }, { "conditions", "conditions" }, { NULL },
	};
	json_t *toxic, *conditions;
	size_t i;

	json_array_foreach(toxics, i, toxic) {
		if (!on_terminal()) {
			toxic_line(toxic);
			continue;
		}
		conditions = conditions_make(toxic);
		json_object_set_new(toxic, "attributes",
		                    pairs_make(json_object_get(toxic, "attributes")));
		json_object_set_new(toxic, "conditions", pairs_make(conditions));
		json_decref(conditions);
	}
	if (on_terminal())
		table_show(columns, toxics, "no toxics");
}

/* ---- exported ---- */

static json_t *toxic_exported(const json_t *toxic)
{
	json_t *made = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)toxic, key, value)
		if (is_field(key) || !strcmp(key, "attributes"))
			json_object_set(made, key, value);
	return made;
}

/* Without the rules of set-behavior, which the proxy has under "behavior". */
json_t *toxics_exported(const json_t *toxics)
{
	json_t *made = json_array(), *toxic;
	size_t i;

	json_array_foreach(toxics, i, toxic)
		if (strcmp(text_of(toxic, "name"), "behavior"))
			json_array_append_new(made, toxic_exported(toxic));
	return made;
}

/* ---- changed ---- */

/* The options, sorted into fields and attributes. */
static json_t *toxic_body(const struct call *c)
{
	json_t *body = json_object(), *attributes = json_object(), *text;
	const char *key;

	json_object_foreach(c->options, key, text)
		if (!is_field(key))
			json_object_set_new(attributes, key, value_parse(text));
		else if (!strcmp(key, "name"))  /* it may look like a number */
			json_object_set(body, key, text);
		else
			json_object_set_new(body, key, value_parse(text));
	json_object_set_new(body, "attributes", attributes);
	return body;
}

/* Toxiproxy's toxics take any attribute and ignore those that they do not know. */
static void ignored_warn(const struct call *c, const json_t *toxic)
{
	const json_t *known = json_object_get(toxic, "attributes");
	json_t *names = json_array(), *value;
	const char *key;

	json_object_foreach((json_t *)known, key, value)
		json_array_append_new(names, json_string(key));
	for (const char *const *field = toxic_fields; *field; field++)
		json_array_append_new(names, json_string(*field));
	fflush(stdout);
	json_object_foreach(c->options, key, value) {
		if (is_field(key) || json_object_get(known, key))
			continue;
		const char *near = nearest(key, names);
		char *line = line_make(key);
		fprintf(stderr, "warning: %s: %s has no such attribute%s%s%s\n", line,
		        c->words[1], near ? "; did you mean '" : "", near ? near : "",
		        near ? "'?" : "");
		free(line);
	}
	json_decref(names);
}

static void added_show(const struct call *c, const json_t *toxic)
{
	char *stream = line_make(text_of(toxic, "stream"));
	char *type = line_make(text_of(toxic, "type"));
	char *name = line_make(text_of(toxic, "name"));

	printf("Added %s %s toxic '%s' on proxy '%s'\n", stream, type, name, c->words[0]);
	free(stream);
	free(type);
	free(name);
}

static int toxic_add(struct call *c)
{
	char *path = path_make("/proxies", c->words[0], "toxics", NULL);
	json_t *body = toxic_body(c);
	struct reply r;
	int rc = 0;

	json_object_set_new(body, "type", json_string(c->words[1]));
	bool answered = call_send(c, "POST", path, body, &r);
	free(path);
	if (!answered)
		return FAILED;
	if (r.status != 200 || !json_is_object(r.body))
		rc = fail_reply(c, &r);
	else if (c->json)
		json_show(r.body);
	else
		added_show(c, r.body);
	if (r.status == 200)
		ignored_warn(c, r.body);
	reply_free(&r);
	return rc;
}

static int do_toxic(struct call *c, const char *method, json_t *body, const char *done)
{
	char *path = path_make("/proxies", c->words[0], "toxics", c->words[1], NULL);
	int rc = call_do(c, method, path, body, "%s toxic '%s' on proxy '%s'", done, c->words[1],
	                 c->words[0]);

	free(path);
	return rc;
}

static int toxic_update(struct call *c)
{
	return do_toxic(c, "POST", toxic_body(c), "Updated");
}

static int toxic_remove(struct call *c)
{
	return do_toxic(c, "DELETE", NULL, "Removed");
}

#define CONDITIONS \
	"Conditions narrow it down: --match REGEX, --kind reads,commits, --client ADDRESS,\n" \
	"--connections open|new, --skip N, --times N, --every N, --ttl 60s,\n" \
	"--per connection|exchange, --share proxy. docs/toxiproxy.md describes them.\n"

const struct action toxic_actions[] = {
	{ "toxic add",
	  "PROXY TYPE [--name NAME] [--stream STREAM] [--toxicity SHARE] [--ATTRIBUTE VALUE]...",
	  "add a rule by Toxiproxy's names; behaviors are types", 2, 2, any, toxic_add,
	  "  --name NAME        default: the type and the stream, as latency_downstream\n"
	  "  --stream STREAM    upstream, downstream or both\n"
	  "  --toxicity SHARE   of the connections, from 0 to 1 (default 1)\n\n" CONDITIONS
	  "\nexample:\n"
	  "  vaurienctl toxic add db latency --latency 100ms --client 10.0.0.0/8\n", .whom = ONE },
	{ "toxic update", "PROXY NAME [--toxicity SHARE] [--ATTRIBUTE VALUE]...",
	  "change what is given; the rest stays", 2, 2, any, toxic_update, CONDITIONS,
	  .whom = ONE },
	{ "toxic remove", "PROXY NAME", "remove it; what it holds back goes on", 2, 2, NULL,
	  toxic_remove, .whom = ONE },
	{ NULL },
};
