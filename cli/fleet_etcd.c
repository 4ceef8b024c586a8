/* fleet_etcd.c - vaurienctl's requests to etcd, in the JSON of its gateway. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fleet.h"
#include "fleet/base64.h"
#include "fleet/etcd_number.h"
#include "fleet/table.h"

enum { PATIENCE = 5, PAGE = 200 };      /* seconds for an answer; keys of a list at a time */

struct fleet_flags fleet_flags;

static struct {
	json_t *endpoints;              /* URLs */
	char *prefix;
	size_t at;                      /* the one that answered last */
	char *token;                    /* after a login */
} etcd;

/* ---- requests ---- */

static struct curl_slist *headers_make(void)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *line;

	if (etcd.token) {
		line = xasprintf("Authorization: %s", etcd.token);
		headers = curl_slist_append(headers, line);
		free(line);
	}
	assert(headers);
	return headers;
}

static CURLcode ask(struct call *c, const char *path, const char *text, struct reply *r)
{
	struct curl_slist *headers = headers_make();
	char *url = xasprintf("%s/v3/%s",
	                      json_string_value(json_array_get(etcd.endpoints, etcd.at)), path);

	*r = (struct reply){ 0 };
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)PATIENCE);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 2L);
	curl_easy_setopt(c->curl, CURLOPT_CAINFO, fleet_flags.ca);
	curl_easy_setopt(c->curl, CURLOPT_SSLCERT, fleet_flags.cert);
	curl_easy_setopt(c->curl, CURLOPT_SSLKEY, fleet_flags.key);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, reply_take);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, r);
	CURLcode code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &r->status);
	curl_slist_free_all(headers);
	free(url);
	if (code == CURLE_OK)
		reply_parse(r);
	return code;
}

static void report(struct call *c, const struct reply *r, CURLcode code)
{
	const char *where = json_string_value(json_array_get(etcd.endpoints, etcd.at));
	const char *said = json_string_value(json_object_get(r->body, "message"));
	char *line = line_make(said ? said : "");

	if (c->quiet)
		;
	else if (code)
		fprintf(stderr, "vaurienctl: no answer from %s: %s\n", where,
		        r->broken ? r->broken : curl_easy_strerror(code));
	else if (said)
		fprintf(stderr, "vaurienctl: %s: %s\n", where, line);
	else
		fprintf(stderr, "vaurienctl: %s: HTTP status %ld: it is no etcd, or none of 3.4 or"
		        " later\n", where, r->status);
	free(line);
}

json_t *etcd_post(struct call *c, const char *path, json_t *body)
{
	size_t n = json_array_size(etcd.endpoints);
	char *text = json_dumps(body, JSON_COMPACT);
	json_t *answer = NULL;

	assert(text);
	json_decref(body);
	for (size_t i = 0; i < n && !answer; i++) {
		struct reply r;
		CURLcode code = ask(c, path, text, &r);
		if (!code && r.status == 200 && json_is_object(r.body)) {
			answer = json_incref(r.body);
		} else {
			if (i + 1 == n)
				report(c, &r, code);
			etcd.at = (etcd.at + 1) % n;
		}
		reply_free(&r);
	}
	free(text);
	return answer;
}

/* ---- keys ---- */

json_t *etcd_key(const char *folder, const char *name, bool end)
{
	char *key = xasprintf("%s%s/%s", etcd.prefix, folder, name), *text;
	size_t n = strlen(key);

	key[n - 1] = (char)(key[n - 1] + end);
	text = base64_make(key, n);
	json_t *value = json_string(text);
	free(text);
	free(key);
	return value;
}

/* Adds what is text to `texts`. The last key, base64; NULL: there is none. */
static const char *texts_add(json_t *texts, const json_t *kvs, size_t head)
{
	const char *last = NULL;
	const json_t *kv;
	size_t i, n;

	json_array_foreach(kvs, i, kv) {
		const char *text = json_string_value(json_object_get(kv, "value"));
		last = json_string_value(json_object_get(kv, "key"));
		char *key = base64_read(last ? last : "", &n);
		char *value = base64_read(text ? text : "", &n);
		json_t *shown = value ? json_stringn(value, n) : NULL;
		if (key && strlen(key) >= head)         /* not UTF-8: nothing of ours */
			(void)!json_object_set(texts, key + head, shown);
		json_decref(shown);
		free(key);
		free(value);
	}
	return last;
}

/* The key behind that one. */
static json_t *key_behind(const char *key)
{
	size_t n = 0;
	char *bytes = base64_read(key, &n), *text = bytes ? base64_make(bytes, n + 1) : NULL;
	json_t *value = json_string(text);      /* NULL: the key is no base64, and the list ends */

	free(bytes);
	free(text);
	return value;
}

json_t *etcd_texts(struct call *c, enum store_folder folder)
{
	const char *name = store_folders[folder];
	json_t *texts = json_object(), *from = etcd_key(name, "", false), *answer = NULL;

	while (from) {
		json_t *page = etcd_post(c, "kv/range", json_pack("{s:o, s:o, s:i}", "key", from,
			"range_end", etcd_key(name, "", true), "limit", PAGE));
		json_decref(answer);
		answer = page;
		if (!answer) {
			json_decref(texts);
			return NULL;
		}
		const char *last = texts_add(texts, json_object_get(answer, "kvs"),
		                             strlen(etcd.prefix) + strlen(name) + 1);
		from = last && json_is_true(json_object_get(answer, "more")) ? key_behind(last)
			: NULL;
	}
	json_decref(answer);
	return texts;
}

json_t *fleet_get(struct call *c)
{
	json_t *rules = etcd_texts(c, STORE_RULES), *members = NULL, *status = NULL, *all = NULL;

	if (rules)
		members = etcd_texts(c, STORE_MEMBERS);
	if (members)
		status = etcd_texts(c, STORE_STATUS);
	if (status)
		all = fleet_table(rules, members, status);
	json_decref(rules);
	json_decref(members);
	json_decref(status);
	return all;
}

/* ---- open and close ---- */

static int log_in(struct call *c)
{
	const char *user = fleet_flags.user, *colon = user ? strchr(user, ':') : NULL;

	if (!user)
		return 0;
	if (!colon || colon == user) {
		fputs("vaurienctl: error: --fleet-user: expected NAME:PASSWORD\n", stderr);
		return MISUSED;
	}
	json_t *answer = etcd_post(c, "auth/authenticate", json_pack("{s:o, s:s}", "name",
		json_stringn(user, (size_t)(colon - user)), "password", colon + 1));
	const char *token = json_string_value(json_object_get(answer, "token"));
	etcd.token = token ? strdup(token) : NULL;
	json_decref(answer);
	return etcd.token ? 0 : FAILED;
}

int etcd_open(struct call *c)
{
	char error[ERROR_MAX];
	bool tls = fleet_flags.ca || fleet_flags.cert || fleet_flags.key;
	json_t *url = store_url_read(fleet_flags.url, tls, error);

	if (!url) {
		fprintf(stderr, "vaurienctl: error: --%s\n", error);
		return MISUSED;
	}
	etcd.endpoints = json_incref(json_object_get(url, "endpoints"));
	etcd.prefix = strdup(json_string_value(json_object_get(url, "prefix")));
	assert(etcd.prefix);
	json_decref(url);
	return log_in(c);
}

void etcd_close(void)
{
	json_decref(etcd.endpoints);
	free(etcd.prefix);
	free(etcd.token);
}
