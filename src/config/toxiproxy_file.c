/* toxiproxy_file.c - a JSON file of proxies, as toxiproxy-server takes it. */
#include "config/toxiproxy_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "config/error.h"
#include "tls/legs.h"
#include "toxiproxy/proxy_json.h"

enum { FILE_MAX = 64 << 20 };           /* bytes */

static int proxy_request_add(struct settings *s, const struct proxy_request *w,
                             struct http_error *f)
{
	struct address listen;

	if (!proxy_request_address(w->listen ? w->listen : "", w->ipv4_only == 1, &listen,
	                           f->text))
		return value_error("proxy %s: %s", w->name, f->text);
	struct spec *made = proxy_request_spec(w, &listen, settings_template(s, w->protocol), f);
	address_free(&listen);
	if (!made)
		return value_error("proxy %s: %s", w->name, f->text);
	char error[ERROR_MAX];
	if (!tls_legs_make(made, error)) {
		spec_unref(made);
		return value_error("proxy %s: %s", w->name, error);
	}
	return settings_add(s, made);
}

int toxiproxy_file_read(struct settings *s, const char *file)
{
	struct http_error f;
	size_t length, n;
	char *text, error[GO_ERROR];
	int why = file_read(file, FILE_MAX, &text, &length, error);

	if (why == ENOENT)
		return absence_error(file);
	if (why)
		return value_error("%s: %s", file, error);
	json_t *list = go_read(text, length, error);
	free(text);
	if (!list)
		return value_error("%s: %s", file, error);
	struct proxy_request *w = proxy_requests_read(list, &n, &f);
	json_decref(list);
	if (!w)
		return value_error("%s: %s", file, f.text);
	char whose[300];
	snprintf(whose, sizeof whose, "%.290s: ", file);
	error_prefix(whose);
	int code = -1;
	for (size_t i = 0; i < n && code == -1; i++)
		code = proxy_request_add(s, &w[i], &f);
	error_prefix(NULL);
	proxy_requests_free(w, n);
	return code;
}
