/* summary.c - what `vaurien run` reports at its end: what was carried, and what was not. */
#include "run/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "control/control.h"
#include "net/same.h"
#include "net/unix_socket.h"
#include "spec/recognise.h"

enum { SHOWN = 20 };                    /* proxies and places that a line names */

/* ---- what was carried ---- */

/* Rules of a protocol could not reach what it carried. */
static bool carried_unread(const struct supervisor *s, const struct proxy *p)
{
	for (const struct carrier *r = s->carriers; r; r = r->next)
		if (r->proxy == proxy_number(p))
			return r->tls && !proxy_spec(p)->client_tls;
	return false;
}

static bool https(const char *place)
{
	const char *port = strrchr(place, ':');

	return port && (!strcmp(port, ":443") || !strcmp(port, ":8443"));
}

/* How rules reach the first one whose TLS passed unread. */
static void unread_show(FILE *to, const struct supervisor *by, struct control *c)
{
	for (size_t i = 0; i < control_proxy_count(c); i++) {
		const struct proxy *p = control_proxy(c, i);
		const struct spec *s = proxy_spec(p);
		/* A proxy that was discovered has its place for a name. */
		const char *place = strchr(s->name, ':') ? s->name : s->backend.text;
		bool plain = !strcmp(s->protocol->name, "tcp");
		if (!carried_unread(by, p))
			continue;
		fprintf(to, " TLS is read with --add 'NAME=%s,%s client_tls=on backend_tls=on', "
		        "if the command trusts $VAURIEN_CA.", place,
		        !plain ? s->protocol->name : https(place) ? "http" : "PROTOCOL");
		return;
	}
}

static void carried_show(FILE *to, const struct supervisor *by, const struct proxy *p,
                         uint64_t connections)
{
	const struct spec *s = proxy_spec(p);
	uint64_t faults = proxy_hits(p);

	fprintf(to, "%s %s %llu%s, ", s->name, s->protocol->name, (unsigned long long)connections,
	        carried_unread(by, p) ? " (TLS, unread)" : "");
	if (faults)
		fprintf(to, "%llu %s", (unsigned long long)faults,
		        faults == 1 ? "fault" : "faults");
	else
		fputs("no fault", to);
}

struct carried { size_t proxies; uint64_t connections; };

static struct carried carried_count(struct control *c)
{
	struct carried all = { .proxies = 0 };
	struct totals t;

	for (size_t i = 0; i < control_proxy_count(c); i++) {
		proxy_totals(control_proxy(c, i), &t);
		all.proxies += t.n[STAT_OPENED] > 0;
		all.connections += t.n[STAT_OPENED];
	}
	return all;
}

static void carried_all(FILE *to, const struct supervisor *s, struct control *c,
                        struct carried all)
{
	size_t shown = 0;
	struct totals t;

	fprintf(to, "vaurien: %zu %s carried %llu %s: ", all.proxies,
	        all.proxies == 1 ? "proxy" : "proxies", (unsigned long long)all.connections,
	        all.connections == 1 ? "connection" : "connections");
	for (size_t i = 0; i < control_proxy_count(c) && shown < SHOWN; i++) {
		const struct proxy *p = control_proxy(c, i);
		proxy_totals(p, &t);
		if (!t.n[STAT_OPENED])
			continue;
		fputs(shown++ ? "; " : "", to);
		carried_show(to, s, p, t.n[STAT_OPENED]);
	}
	if (all.proxies > shown)
		fprintf(to, "; and %zu more", all.proxies - shown);
	fputc('.', to);
}

/* ---- what was left alone ---- */

static void left_show(FILE *to, const struct supervisor *s, const char *title,
                      const struct left *l)
{
	if (!l->n)
		return;
	fprintf(to, " %s: ", title);
	for (size_t i = 0; i < l->n && i < SHOWN; i++) {
		const struct left_entry *e = &l->of[i];
		fprintf(to, "%s%s %llu (%s", i ? ", " : "", e->to, (unsigned long long)e->count,
		        e->why);
		if (e->why == s->no_port)
			fprintf(to, "; --backend %s would take it", e->to);
		fputc(')', to);
	}
	if (l->n > SHOWN)
		fprintf(to, ", and %zu more", l->n - SHOWN);
}

/* ---- a named backend that saw nothing ---- */

static bool same_host(const struct carrier *r, const struct place *p)
{
	char mine[64], other[64];

	endpoint_host(&p->at, other, sizeof other);
	for (size_t i = 0; i < r->n_known; i++)
		if (*other && !strcmp(endpoint_host(&r->known[i], mine, sizeof mine), other))
			return true;
	return false;
}

/* How near a place is to what the carrier expected; NULL: not at all. */
static const char *nearness(const struct carrier *r, const struct spec *s, const struct place *p)
{
	const char *path = unix_socket_path(&p->at);

	if (path)
		return protocol_by_path(path) == s->protocol ? "a unix socket of its protocol" :
		                                               NULL;
	if (!r->backend.unix_path && endpoint_port(&p->at) == r->backend.port)
		return "its port elsewhere";
	if (same_host(r, p))
		return "its address at another port";
	return NULL;
}

static const struct place *nearest(const struct supervisor *s, const struct carrier *r,
                                   const struct spec *spec, const char **how)
{
	for (size_t i = 0; i < PLACES; i++)
		for (const struct place *p = s->places[i]; p; p = p->next)
			if ((*how = nearness(r, spec, p)))
				return p;
	return NULL;
}

static void unused_show(FILE *to, const struct supervisor *s, struct control *c,
                        const struct carrier *r)
{
	const struct proxy *p = control_numbered(c, r->proxy);
	const char *how;

	if (!p)
		return;
	const struct spec *spec = proxy_spec(p);
	fprintf(to, "vaurien: %s saw no connection to %s.", spec->name, r->backend.text);
	const struct place *near = nearest(s, r, spec, &how);
	if (near)
		fprintf(to, " Nearest: %s, %s.", near->text, how);
	fputc('\n', to);
}

/* ---- all of it ---- */

static bool named_unused(const struct carrier *r)
{
	return r->backend.text && !r->carried;
}

/* --require: a success that did not go where it was to go is none. */
static bool requirement_met(const struct supervisor *s, struct carried all)
{
	bool named = false;

	for (const struct carrier *r = s->carriers; r; r = r->next) {
		named |= r->backend.text != NULL;
		if (named_unused(r))
			return false;
	}
	return named || all.connections;
}

char *summary_make(const struct supervisor *s, struct control *c, int *status)
{
	struct carried all = carried_count(c);
	const char *word = s->run->command[0];
	char *text = NULL;
	size_t n;
	FILE *to = xalloced(open_memstream(&text, &n));

	if (all.proxies)
		carried_all(to, s, c, all);
	else if (s->left.n || s->failed.n)
		fprintf(to, "vaurien: %s made no connection that went through a proxy.", word);
	else
		fprintf(to, "vaurien: %s made no TCP connection at all. Is its work done by a "
		        "process that ran before, such as a daemon or a container?", word);
	left_show(to, s, "Failed", &s->failed);
	left_show(to, s, "Left alone", &s->left);
	unread_show(to, s, c);
	fputc('\n', to);
	for (const struct carrier *r = s->carriers; r; r = r->next)
		if (named_unused(r))
			unused_show(to, s, c, r);
	if (!*status && s->run->require && !requirement_met(s, all)) {
		*status = RUN_FAILED;
		fprintf(to, "vaurien: --require: %s succeeded, but %s\n", word,
		        all.proxies ? "a named proxy went unused" : "no proxy was used");
	}
	fclose(to);
	return text;
}
