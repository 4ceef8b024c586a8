/* set.c - vaurienctl set: fields of a proxy, changed while it carries connections. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* `sent` NULL: as typed. Those of TLS are not listed: the server knows them, and their words. */
static const struct field { const char *typed, *sent; bool flag; } fields[] = {
	{ "listen", NULL, false },     { "upstream", NULL, false },
	{ "enabled", NULL, true },     { "backend", "upstream", false },
	{ "protocol", NULL, false },   { "ipv4_only", NULL, true },
	{ "known_as", NULL, false },   { "topology", NULL, false },
	{ "unmapped", NULL, false },   { "client_tls", NULL, false },
	{ "backend_tls", NULL, false },
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

/* Those of TLS begin like one of the last two. */
static const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < FIELDS; i++) {
		size_t n = strlen(fields[i].typed);
		if (!strcmp(name, fields[i].typed) ||
		    (i >= FIELDS - 2 && !strncmp(name, fields[i].typed, n) && name[n] == '_'))
			return &fields[i];
	}
	return NULL;
}

static int misuse_field(const char *name)
{
	json_t *names = json_array();

	for (size_t i = 0; i < FIELDS; i++)
		json_array_append_new(names, json_string(fields[i].typed));
	const char *near = nearest(name, names);
	char *all = names_join(names, " or "), *line = line_make(name);
	fprintf(stderr, "vaurienctl: error: set: expected %s, or another option of TLS, got '%s'",
	        all, line);
	if (near)
		fprintf(stderr, "; did you mean '%s'?", near);
	else if (!strcmp(name, "behavior"))
		fputs("; see 'vaurienctl help set-behavior'", stderr);
	putc('\n', stderr);
	free(all);
	free(line);
	json_decref(names);
	return MISUSED;
}

/* "set behavior delay" is another action. */
static int misuse_pair(const struct call *c, const char *word)
{
	char *line = line_make(word), *other = xasprintf("set-%s", c->words[0]);
	bool found = false;

	EACH_ACTION(a)
		found |= !strcmp(a->name, other);
	fprintf(stderr, "vaurienctl: error: set: expected OPTION=VALUE, got '%s'", line);
	fprintf(stderr, found ? "; did you mean '%s'?\n" : "\n", other);
	free(other);
	free(line);
	return MISUSED;
}

/* 0, or the exit code. */
static int field_set(const struct call *c, json_t *body, const char *typed, const char *value)
{
	char *name = strdup(typed);
	int rc = 0;

	assert(name);
	for (char *p = name; *p; p++)
		*p = *p == '-' ? '_' : *p;
	const struct field *f = field_find(name);
	json_t *text = json_string(value);
	if (!f)
		rc = misuse_field(name);
	else if (!text)
		rc = misuse_pair(c, name);      /* it is not UTF-8 */
	else
		json_object_set_new(body, f->sent ? f->sent : name,
		                    f->flag ? value_parse(text) : json_incref(text));
	json_decref(text);
	free(name);
	return rc;
}

/* OPTION=VALUE, and --OPTION VALUE. 0, or the exit code. */
static int fields_read(const struct call *c, json_t *body)
{
	const char *key, *value;
	json_t *text;
	int rc = 0;

	for (unsigned i = 1; i < c->n && !rc; i++) {
		value = strchr(c->words[i], '=');
		if (!value || value == c->words[i])
			return misuse_pair(c, c->words[i]);
		char *name = strndup(c->words[i], (size_t)(value - c->words[i]));
		rc = field_set(c, body, name, value + 1);
		free(name);
	}
	json_object_foreach(c->options, key, text) {
		if (rc)
			break;
		value = json_string_value(text);
		rc = value ? field_set(c, body, key, value) : misuse_pair(c, key);
	}
	if (!rc && !json_object_size(body)) {
		fprintf(stderr, "vaurienctl: error: set: expected OPTION=VALUE\n");
		rc = MISUSED;
	}
	return rc;
}

static int set(struct call *c)
{
	json_t *body = json_object(), *pairs;
	int rc = fields_read(c, body);

	if (rc) {
		json_decref(body);
		return rc;
	}
	pairs = pairs_make(body);
	char *path = path_make("/proxies", c->words[0], NULL);
	char *words = line_make(json_string_value(pairs));
	rc = call_do(c, "PATCH", path, body, "Changed proxy %s: %s", c->words[0], words);
	free(words);
	free(path);
	json_decref(pairs);
	return rc;
}

const struct action set_actions[] = {
	{ "set", "PROXY OPTION=VALUE...", "change its addresses, its protocol, its TLS", 1, WORDS,
	  any, set,
	  "Options, as those of create: listen, upstream (or backend), enabled, protocol,\n"
	  "known_as, topology, unmapped, client_tls, backend_tls and the other options of\n"
	  "TLS, which vaurien --help tls lists. Files are vaurien's. What is not named\n"
	  "stays. Open connections keep their TLS; new ones have the new one.\n\n"
	  "examples:\n"
	  "  vaurienctl set db client_tls=require client_tls_cert=/etc/db.pem\n"
	  "  vaurienctl set db backend_tls=verify backend_tls_ca=ca.pem\n"
	  "  vaurienctl set all client_tls=off\n", true, .whom = ONE },
	{ NULL },
};
