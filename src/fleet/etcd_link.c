/* etcd_link.c - the way to one etcd server: its address, our token, requests in its JSON. */
#include "fleet/etcd_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fleet/base64.h"

void etcd_post(struct etcd_link *l, struct web_request *r, const char *path, json_t *body)
{
	char url[500];
	const char *base = json_string_value(json_array_get(l->endpoints, l->at));

	snprintf(url, sizeof url, "%s/v3/%s", base, path);
	r->timeout = r->line ? VN_NEVER : ETCD_TIMEOUT;
	web_start(l->web, r, url, l->token, body);
}

static json_t *key_json(const struct etcd_link *l, const char *tail, int more)
{
	size_t head = strlen(l->prefix), n = head + strlen(tail);
	char *key = xmalloc(n + 1), *text;

	memcpy(key, l->prefix, head);
	strcpy(key + head, tail);
	/* no key ends with 0xff: prefixes end with / */
	key[n - 1] = (char)(key[n - 1] + more);
	text = base64_make(key, n);
	free(key);
	json_t *value = json_string(text);
	free(text);
	return value;
}

json_t *etcd_key(const struct etcd_link *l, const char *tail)
{
	return key_json(l, tail, 0);
}

json_t *etcd_key_end(const struct etcd_link *l, const char *tail)
{
	return key_json(l, tail, 1);
}
