/* settings.c - the settings of the process: looked up, added to, replaced on reload, freed. */
#include "config/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/error.h"
#include "config/run_settings.h"

struct spec *settings_template(const struct settings *s, const struct vn_protocol *p)
{
	for (size_t i = 0; i < s->n_templates; i++)
		if (p ? s->templates[i]->protocol == p :
		        !strcmp(s->templates[i]->protocol->name, "tcp"))
			return s->templates[i];
	assert(!"a protocol without a plain proxy");
	return NULL;
}

/* Where the name is in s->named, or would be inserted. */
static size_t name_place(const struct settings *s, const char *name)
{
	size_t low = 0, high = s->n_proxies;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (strcmp(s->named[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct spec *settings_find(const struct settings *s, const char *name)
{
	size_t at = name_place(s, name);

	return at < s->n_proxies && !strcmp(s->named[at]->name, name) ? s->named[at] : NULL;
}

int settings_add(struct settings *s, struct spec *made)
{
	size_t at = name_place(s, made->name), n = s->n_proxies;

	if (settings_find(s, made->name)) {
		value_error("proxy %s: expected a name that no other has", made->name);
		spec_unref(made);
		return 1;
	}
	s->proxies = xrealloc(s->proxies, (n + 1) * sizeof *s->proxies);
	s->named = xrealloc(s->named, (n + 1) * sizeof *s->named);
	memmove(s->named + at + 1, s->named + at, (n - at) * sizeof *s->named);
	s->proxies[n] = s->named[at] = made;
	s->n_proxies++;
	return -1;
}

static bool text_differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static bool fleet_differs(const struct fleet_settings *a, const struct fleet_settings *b)
{
	return text_differs(a->url, b->url) || text_differs(a->name, b->name)
		|| text_differs(a->labels, b->labels) || text_differs(a->ca, b->ca)
		|| text_differs(a->cert, b->cert) || text_differs(a->key, b->key)
		|| text_differs(a->user, b->user);
}

/* Does a setting differ that is used only at the start? */
static bool start_differs(const struct settings *a, const struct settings *b)
{
	return text_differs(a->tls.dir, b->tls.dir) || a->tls.timeout != b->tls.timeout ||
	       text_differs(a->tls.keylog, b->tls.keylog) || a->threads != b->threads ||
	       a->bufsize != b->bufsize || a->hold_total != b->hold_total ||
	       a->discover != b->discover || a->http != b->http ||
	       a->http_port != b->http_port || text_differs(a->http_host, b->http_host) ||
	       a->statsd.enabled != b->statsd.enabled || a->statsd.port != b->statsd.port ||
	       a->statsd.sample_rate != b->statsd.sample_rate ||
	       text_differs(a->statsd.host, b->statsd.host) ||
	       text_differs(a->statsd.prefix, b->statsd.prefix);
}

void settings_renew(struct settings *s, struct settings *next)
{
	struct settings was = *s;

	if (start_differs(s, next) || fleet_differs(&s->fleet, &next->fleet))
		log_warning("threads, buffers, the fleet, the program's options of TLS, and where "
		            "the API and statsd are change with the next start, not before");
	s->n_proxies = next->n_proxies;
	s->proxies = next->proxies;
	s->named = next->named;
	s->n_templates = next->n_templates;
	s->templates = next->templates;
	s->http_token = next->http_token;
	next->n_proxies = was.n_proxies;
	next->proxies = was.proxies;
	next->named = was.named;
	next->n_templates = was.n_templates;
	next->templates = was.templates;
	next->http_token = was.http_token;
}

void settings_free(struct settings *s)
{
	for (size_t i = 0; i < s->n_proxies; i++)
		spec_unref(s->proxies[i]);
	free(s->proxies);
	free(s->named);
	for (size_t i = 0; i < s->n_templates; i++)
		spec_unref(s->templates[i]);
	free(s->templates);
	run_settings_free(s->run);
	free(s->http_host);
	free(s->http_token);
	free(s->statsd.host);
	free(s->statsd.prefix);
	free(s->fleet.url);
	free(s->fleet.name);
	free(s->fleet.labels);
	free(s->fleet.ca);
	free(s->fleet.cert);
	free(s->fleet.key);
	free(s->fleet.user);
	free(s->tls.dir);
	free(s->tls.keylog);
	free(s->log_output);
	free(s->events);
	*s = (struct settings){ .n_proxies = 0 };
}
