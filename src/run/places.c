/* places.c - destinations: which proxy carries them, or why they are left alone. */
#include "run/places.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/same.h"
#include "net/unix_socket.h"
#include "run/discover.h"
#include "run/door.h"
#include "spec/recognise.h"

enum { PLACES_MAX = 4096, DISCOVERED_MAX = 1000, DNS = 53, HTTPS = 443, KNOWN_MAX = 256 };

#define PATIENCE (1 * VN_S)             /* a caller waits so long for a look-up or a proxy */

/* ---- the table ---- */

void endpoint_plain(struct endpoint *e)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&e->addr;
	struct sockaddr_in6 in6;

	if (e->addr.ss_family == AF_INET6) {
		memcpy(&in6, &e->addr, sizeof in6);
		((struct sockaddr_in6 *)&e->addr)->sin6_flowinfo = 0;
		if (IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr))
			((struct sockaddr_in6 *)&e->addr)->sin6_addr = in6addr_loopback;
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			*e = (struct endpoint){ .len = sizeof *in };
			in->sin_family = AF_INET;
			in->sin_port = in6.sin6_port;
			memcpy(&in->sin_addr, &in6.sin6_addr.s6_addr[12], 4);
		}
	}
	if (e->addr.ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static size_t chain_of(const struct endpoint *e)
{
	const char *path = unix_socket_path(e);
	const uint8_t *bytes = path ? (const uint8_t *)path : (const uint8_t *)&e->addr;
	size_t hash = 5381, n = path ? strlen(path) : e->addr.ss_family == AF_INET ? 8 : 24;

	for (size_t i = 0; i < n; i++)
		hash = hash * 33 + bytes[i];
	return hash % PLACES;
}

static void place_patience(struct timer *);

struct place *place_find(struct supervisor *s, const struct endpoint *at)
{
	struct place **chain = &s->places[chain_of(at)], *p = *chain;

	while (p && !endpoint_same(&p->at, at))
		p = p->next;
	if (p)
		return p;
	if (s->n_places == PLACES_MAX) {
		if (!s->warned_places)
			log_warning("the command connects to more than %d addresses: the others "
			            "are left alone", PLACES_MAX);
		s->warned_places = true;
		return NULL;
	}
	p = xcalloc(1, sizeof *p);
	*p = (struct place){ .next = *chain, .supervisor = s, .at = *at,
	                     .patience.fire = place_patience };
	endpoint_show(at, p->text, sizeof p->text);
	s->n_places++;
	return *chain = p;
}

/* To read a process's name takes a while: once is enough. */
static void tally_note(struct left *l, const char *to, const char *why, const struct caller *c)
{
	struct left_entry *e = left_note(l, to, why);
	struct process who;

	if (e->count != 1 || !c)
		return;
	caller_process(c, &who);
	snprintf(e->process, sizeof e->process, "%s", who.name);
}

void place_left(struct place *p, const char *why, const struct caller *c)
{
	if (why)
		tally_note(&p->supervisor->left, p->text, why, c);
}

void place_failed(struct place *p, const char *why, const struct caller *c)
{
	tally_note(&p->supervisor->failed, p->text, why, c);
}

void left_unreadable(struct supervisor *s, const struct caller *c)
{
	struct process who;
	char text[64];

	caller_process(c, &who);
	snprintf(text, sizeof text, "connections of %s", *who.name ? who.name : "a process");
	left_note(&s->left, text, "unreadable");
}

/* ---- callers that wait ---- */

void place_wait(struct place *p, const struct caller *c, int socket)
{
	struct pending **end = &p->waiting, *w = xcalloc(1, sizeof *w);

	*w = (struct pending){ .caller = *c, .socket = socket };
	while (*end)
		end = &(*end)->next;
	*end = w;
	if (!p->patience.slot)
		timer_set(&p->supervisor->loop, &p->patience,
		          loop_clock(&p->supervisor->loop) + PATIENCE);
}

static void place_go_on(struct place *p)
{
	struct pending *w = p->waiting, *next;

	p->waiting = NULL;
	timer_stop(&p->supervisor->loop, &p->patience);
	for (; w; w = next) {
		next = w->next;
		p->supervisor->decided(p, &w->caller, w->socket);
		free(w);
	}
}

/* Those that wait are left alone, and those that come later find a proxy, perhaps. */
static void place_patience(struct timer *t)
{
	struct place *p = OWNER(place, patience, t);
	struct pending *w = p->waiting, *next;

	p->waiting = NULL;
	for (; w; w = next) {
		next = w->next;
		place_left(p, "no proxy within 1 s", &w->caller);
		caller_continue(w->caller.listener, w->caller.id);
		if (w->socket >= 0)
			close(w->socket);
		free(w);
	}
	log_warning("%s: there was no proxy within 1 s, so a connection was left alone", p->text);
}

static void place_alone(struct place *p, const char *why)
{
	p->state = PLACE_ALONE;
	p->why = why;
	place_go_on(p);
}

static void place_carried(struct place *p, struct carrier *r)
{
	p->state = PLACE_CARRIED;
	p->carrier = r;
	place_go_on(p);
}

/* ---- named backends ---- */

static bool carrier_knows(const struct carrier *r, const struct endpoint *e)
{
	for (size_t i = 0; i < r->n_known; i++)
		if (endpoint_same(&r->known[i], e))
			return true;
	return false;
}

static void carrier_learn(struct carrier *r, struct endpoint e)
{
	endpoint_plain(&e);
	if (carrier_knows(r, &e) || r->n_known == KNOWN_MAX)
		return;
	r->known = xrealloc(r->known, (r->n_known + 1) * sizeof *r->known);
	r->known[r->n_known++] = e;
}

/* The path of a socket, as the file system has it. */
static void path_learn(struct carrier *r)
{
	struct endpoint e;
	char real[4096];

	address_numeric(&r->backend, false, &e);
	carrier_learn(r, e);
	struct sockaddr_un_path { sa_family_t family; char path[108]; } *un = (void *)&e.addr;
	if (realpath(un->path, real) && strlen(real) < sizeof un->path) {
		memset(un->path, 0, sizeof un->path);
		memcpy(un->path, real, strlen(real));
		carrier_learn(r, e);
	}
}

static void carrier_found(struct lookup *l)
{
	struct carrier *r = l->whom;
	struct supervisor *s = r->supervisor;

	r->looking = false;
	for (unsigned i = 0; i < l->n; i++)
		carrier_learn(r, l->found[i]);
	for (size_t i = 0; i < PLACES; i++)
		for (struct place *p = s->places[i]; p; p = p->next)
			if (p->state == PLACE_LOOKING)
				place_decide(p);
}

static void carrier_look(struct carrier *r)
{
	struct supervisor *s = r->supervisor;

	r->looked = loop_clock(&s->loop);
	r->looking = true;
	r->lookup = (struct lookup){ .done = carrier_found, .whom = r };
	lookup_start(&r->lookup, s->resolver, &s->loop, &r->backend);
}

void carriers_start(struct supervisor *s)
{
	for (struct carrier *r = s->carriers; r; r = r->next) {
		if (!r->backend.text || r->any_host)
			continue;
		if (r->backend.unix_path)
			path_learn(r);
		else
			carrier_look(r);
	}
}

bool carriers_ready(const struct supervisor *s)
{
	for (const struct carrier *r = s->carriers; r; r = r->next)
		if (r->looking)
			return false;
	return true;
}

void carriers_stop(struct supervisor *s)
{
	for (struct carrier *r = s->carriers; r; r = r->next)
		if (r->looking)
			lookup_cancel(&r->lookup);
}

static struct carrier *named_carrier(const struct supervisor *s, const struct endpoint *at)
{
	int port = endpoint_port(at);

	for (struct carrier *r = s->carriers; r; r = r->next) {
		if (!r->backend.text)
			continue;
		if (r->any_host ? port && port == r->backend.port : carrier_knows(r, at))
			return r;
	}
	return NULL;
}

/* Looks again for the addresses of named backends with this port. True: a look-up is under way. */
static bool named_look(struct supervisor *s, const struct place *p)
{
	int port = endpoint_port(&p->at);
	bool under_way = false;

	for (struct carrier *r = s->carriers; r; r = r->next) {
		struct endpoint numeric;
		if (!r->backend.text || r->any_host || r->backend.unix_path ||
		    r->backend.port != port || address_numeric(&r->backend, false, &numeric))
			continue;
		if (!r->looking && s->loop.now - r->looked >= VN_S)
			carrier_look(r);
		under_way |= r->looking;
	}
	return under_way;
}

/* ---- deciding ---- */

static const struct vn_protocol *place_protocol(const struct place *p)
{
	const char *path = unix_socket_path(&p->at);

	return path ? protocol_by_path(path) : protocol_by_port(endpoint_port(&p->at));
}

/* The name of its proxy: "HOST:PORT", "[V6]:PORT", or the last component of a path. */
static void place_name(const struct place *p, const char *host, char *name, size_t size)
{
	const char *path = unix_socket_path(&p->at), *slash = path ? strrchr(path, '/') : NULL;

	if (path)
		snprintf(name, size, "%s", slash ? slash + 1 : path);
	else if (host)
		snprintf(name, size, "%s:%d", host, endpoint_port(&p->at));
	else
		snprintf(name, size, "%s", p->text);
	for (char *c = name; *c; c++)           /* these cannot stand in a name */
		*c = strchr("/?#%", *c) ? '~' : *c;
}

static void place_found(struct finding *f)
{
	struct place *p = f->place;
	struct supervisor *s = p->supervisor;

	if (!f->gate) {
		log_warning("%s is left alone: %s", p->text, f->why);
		place_alone(p, "no proxy could be made");
		free(f);
		return;
	}
	struct carrier *r = xcalloc(1, sizeof *r);
	*r = (struct carrier){ .next = s->carriers, .name = xstrdup(f->name), .proxy = f->proxy,
	                     .gate = f->gate, .unsure = f->unsure, .stays = f->stays,
	                     .discovered = true, .supervisor = s };
	s->carriers = r;
	log_info("%s: %s, found by the command's connection to %s", r->name, f->protocol->name,
	         p->text);
	free(f);
	place_carried(p, r);
}

static void place_discover(struct place *p, const char *host)
{
	struct supervisor *s = p->supervisor;
	const struct vn_protocol *known = place_protocol(p);
	bool sure = known || unix_socket_path(&p->at);
	struct finding *f;

	if (s->discovered == DISCOVERED_MAX) {
		if (!s->warned_places)
			log_warning("the command has %d proxies: other destinations are left "
			            "alone", DISCOVERED_MAX);
		s->warned_places = true;
		place_alone(p, "too many destinations");
		return;
	}
	s->discovered++;
	p->state = PLACE_MAKING;
	f = xcalloc(1, sizeof *f);
	*f = (struct finding){ .place = p, .control = s->control, .loop = &s->loop,
	                       .done = place_found, .unsure = !sure, .protocol = known,
	                       .stays = endpoint_port(&p->at) == HTTPS };
	snprintf(f->backend, sizeof f->backend, "%s", p->text);
	place_name(p, host, f->name, sizeof f->name);
	place_name(p, NULL, f->other_name, sizeof f->other_name);
	discover_ask(f, s->control_loop);
}

/* True: its port or its address shows that no proxy is to carry it. */
static bool place_excluded(struct place *p, const char *host)
{
	struct supervisor *s = p->supervisor;

	if (endpoint_port(&p->at) == DNS || door_is_own(s, &p->at))
		place_alone(p, NULL);
	else if (patterns_find(s->except, &p->at, host ? host : ""))
		place_alone(p, "excluded");
	return p->state == PLACE_ALONE;
}

/* True: it is not among what is to be discovered. */
static bool place_not_wanted(struct place *p, const char *host)
{
	struct supervisor *s = p->supervisor;
	const struct vn_protocol *known = place_protocol(p);
	bool path = unix_socket_path(&p->at);

	if (path && !known)
		place_alone(p, NULL);
	else if (!s->run->discover)
		place_alone(p, "not a named backend");
	else if (patterns_any(s->only) && !patterns_find(s->only, &p->at, host ? host : ""))
		place_alone(p, "not selected");
	else if (s->run->protocol && known != s->run->protocol)
		place_alone(p, path ? NULL : s->no_port);
	return p->state == PLACE_ALONE;
}

void place_decide(struct place *p)
{
	struct supervisor *s = p->supervisor;
	const char *host = names_find(&s->names, &p->at);
	bool looked = p->state == PLACE_LOOKING;

	p->state = PLACE_NEW;
	if (place_excluded(p, host))
		return;
	struct carrier *r = named_carrier(s, &p->at);
	if (r) {
		place_carried(p, r);
	} else if (!looked && named_look(s, p)) {
		p->state = PLACE_LOOKING;
	} else if (!place_not_wanted(p, host)) {
		place_discover(p, host);
	}
}

/* ---- end ---- */

static void place_free(struct place *p)
{
	for (struct pending *w = p->waiting, *next; w; w = next) {
		next = w->next;
		if (w->socket >= 0)
			close(w->socket);
		free(w);
	}
	door_free(p->door);
	door_free(p->silent[0]);
	door_free(p->silent[1]);
	free(p);
}

void places_free(struct supervisor *s)
{
	for (size_t i = 0; i < PLACES; i++)
		for (struct place *p = s->places[i], *next; p; p = next) {
			next = p->next;
			place_free(p);
		}
	for (struct carrier *r = s->carriers, *next; r; r = next) {
		next = r->next;
		gate_unref(r->gate);
		address_free(&r->backend);
		free(r->known);
		free(r->name);
		free(r);
	}
}
