/* toxiproxy_file.c - a JSON file of proxies, as toxiproxy-server takes it. */
#include "config/toxiproxy_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/error.h"
#include "toxiproxy/proxy_json.h"

static char *file_text(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	char *text = NULL, buffer[65536];
	FILE *to = f ? open_memstream(&text, n) : NULL;
	size_t got;

	if (!f)
		return NULL;
	while ((got = fread(buffer, 1, sizeof buffer, f)))
		fwrite(buffer, 1, got, to);
	fclose(f);
	fclose(to);
	return text;
}

static int proxy_request_add(struct settings *s, const struct proxy_request *w,
                             struct http_error *f)
{
	struct address listen;

	if (!proxy_request_address(w->listen ? w->listen : "", &listen, f->text))
		return value_error("proxy %s: %s", w->name, f->text);
	struct spec *made = proxy_request_spec(w, &listen, settings_template(s, w->protocol), f);
	address_free(&listen);
	if (!made)
		return value_error("proxy %s: %s", w->name, f->text);
	return settings_add(s, made);
}

int toxiproxy_file_read(struct settings *s, const char *file)
{
	struct http_error f;
	size_t length, n;
	char *text = file_text(file, &length), error[GO_ERROR];

	if (!text)
		return absence_error(file);
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
