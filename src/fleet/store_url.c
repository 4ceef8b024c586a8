/* store_url.c - the address of a store: etcd://HOST:PORT[,HOST:PORT]/PREFIX */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/store.h"

const char *const store_folders[STORE_FOLDERS] = { "rules", "members", "status" };

static json_t *refuse(const char *url, char error[ERROR_MAX])
{
	char shown[80];

	error_format(error, "fleet: expected etcd://HOST:PORT[,HOST:PORT]/PREFIX, got '%s'",
	             text_printable(url, shown, sizeof shown));
	return NULL;
}

/* Letters, digits and what names and addresses have. */
static bool host_good(const char *host, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)host[i] <= ' ' || strchr("/?#@\\\"<>", host[i])
		    || (unsigned char)host[i] >= 0x7f)
			return false;
	return n && n < 300;
}

/* "HOST" or "HOST:PORT" of n bytes; without a port etcd's own. */
static bool endpoint_add(json_t *to, const char *scheme, const char *host, size_t n)
{
	const char *bracket = memchr(host, ']', n);
	size_t from = bracket ? (size_t)(bracket - host) : 0;
	const char *colon = memchr(host + from, ':', n - from);
	char url[400], *end;

	if (!host_good(host, n))
		return false;
	if (colon) {
		long port = strtol(colon + 1, &end, 10);
		if (colon == host || end != host + n || end == colon + 1 || port < 1
		    || port > 65535)
			return false;
	}
	snprintf(url, sizeof url, "%s://%.*s%s", scheme, (int)n, host, colon ? "" : ":2379");
	return json_array_append_new(to, json_string(url)) == 0;
}

json_t *store_url_read(const char *url, bool tls, char error[ERROR_MAX])
{
	bool safe = !strncmp(url, "etcds://", 8);
	const char *at = safe ? url + 8 : !strncmp(url, "etcd://", 7) ? url + 7 : NULL;
	const char *slash = at ? strchr(at, '/') : NULL;
	char prefix[256];

	if (!slash || !slash[1] || strlen(slash) > 200 || strstr(slash, "//"))
		return refuse(url, error);
	json_t *endpoints = json_array();
	for (; at < slash; at += strcspn(at, ",/")) {
		at += *at == ',';
		if (!endpoint_add(endpoints, safe || tls ? "https" : "http", at,
		                  strcspn(at, ",/"))) {
			json_decref(endpoints);
			return refuse(url, error);
		}
	}
	snprintf(prefix, sizeof prefix, "%s%s", slash, slash[strlen(slash) - 1] == '/' ? "" : "/");
	json_t *all = json_pack("{s:o, s:s}", "endpoints", endpoints, "prefix", prefix);
	if (all && json_array_size(endpoints))
		return all;
	json_decref(all);
	return refuse(url, error);
}
