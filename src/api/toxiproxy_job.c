/* toxiproxy_job.c - a request that makes or changes proxies, one after the other.
 *
 * Each step wants an address to listen on. Where that is a name it is looked up, and meanwhile others may change
 * what they like: so a step finds its proxy when it is taken, not before. The last step is a round of all workers
 * that does nothing: when it is back, all before it is done. */
#include "api/toxiproxy_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/listener.h"
#include "base/log.h"

struct step { unsigned number; struct proxy_request wanted; };     /* number: of the proxy, where it must be there already; else 0 */

struct job {
	struct broadcast broadcast;             /* the last */
	struct lookup lookup;
	struct request *request;
	struct waiter by;               /* who asks, for each change */
	const struct kind *kind;
	struct http_error fault;             /* status 0: none so far */
	struct address address;         /* of this step; text NULL: none */
	json_t *done;                   /* what has been made, as JSON */
	size_t at, n;
	struct step steps[];
};

static const struct kind {
	const char *trouble;            /* what stands before an address that is none */
	unsigned status;
	bool (*address)(struct job *, struct step *);                /* where it is to listen goes to e->address, if that matters */
	bool (*take)(struct job *, struct step *, const struct endpoint *);  /* NULL: where it is */
} creating, updating, populating, resetting;

/* ---- shown ---- */

json_t *proxy_json(const struct proxy *p)
{
	const struct spec *s = proxy_spec(p);
	char text[160];
	const char *listen = p->at.len ? endpoint_show(&p->at, text, sizeof text) : s->listen.text;
	json_t *all = json_object();

	json_object_set_new(all, "name", json_string_nocheck(s->name));
	json_object_set_new(all, "listen", json_text(listen));
	json_object_set_new(all, "upstream", json_text(s->backend.text));
	json_object_set_new(all, "enabled", json_boolean(s->enabled));
	if (strcmp(s->protocol->name, "tcp"))
		json_object_set_new(all, "protocol", json_string(s->protocol->name));
	json_object_set_new(all, "toxics", toxics_json(s));
	return all;
}

/* ---- errors ---- */

static const char *errno_say(int error, char buffer[128])
{
	snprintf(buffer, 128, "%s", strerror(error));
	if (buffer[0] >= 'A' && buffer[0] <= 'Z' && !(buffer[1] >= 'A' && buffer[1] <= 'Z'))
		buffer[0] += 'a' - 'A';
	return buffer;
}

static bool job_bind_error(struct job *e, const struct endpoint *at, int error)
{
	char shown[160], why[128];

	return http_error_set(&e->fault, 500, "listen tcp %s: bind: %s", endpoint_show(at, shown, sizeof shown), errno_say(error, why));
}

/* ---- addresses ---- */

static bool address_read(struct job *e, const char *listen)
{
	char error[GO_ERROR];

	return proxy_request_address(listen, &e->address, error) || http_error_set(&e->fault, 500, "%s%.400s", e->kind->trouble, error);
}

/* Is it where the proxy is already? */
static bool place_same(const struct proxy *p, const struct address *a, const struct endpoint *at)
{
	const struct spec *s = proxy_spec(p);

	if (!strcmp(a->text, s->asked ? s->asked : s->listen.text))
		return true;
	return at && p->at.len == at->len && p->at.len && !memcmp(&p->at.addr, &at->addr, at->len);
}

/* ---- what a step does ---- */

static bool create_address(struct job *e, struct step *s)
{
	return address_read(e, s->wanted.listen ? s->wanted.listen : "");
}

static struct spec *wished(struct job *e, const struct proxy_request *w)
{
	return proxy_request_spec(control_settings(request_control(e->request)), w, &e->address, &e->fault);
}

static bool proxy_begin(struct job *e, struct spec *to, const struct endpoint *at)
{
	struct proxy *made;
	int error = proxy_create(control_proxies(request_control(e->request)), to, at, &e->by, &made);

	if (error) {
		spec_unref(to);
		return job_bind_error(e, at, error);
	}
	log_info("proxy=%s is made: from %s to %s", to->name, to->listen.text, to->backend.text);
	json_array_append_new(e->done, proxy_json(made));
	return true;
}

static bool create_take(struct job *e, struct step *s, const struct endpoint *at)
{
	if (control_find(request_control(e->request), s->wanted.name))
		return http_error_set(&e->fault, 409, "proxy already exists");
	struct spec *to = wished(e, &s->wanted);
	return to && proxy_begin(e, to, at);
}

static bool proxy_become(struct job *e, struct proxy *p, struct spec *to, const struct endpoint *at, bool empty)
{
	int error = proxy_update(p, to, at, empty, &e->by);

	if (error) {
		spec_unref(to);
		return job_bind_error(e, at ? at : &p->at, error);
	}
	log_info("proxy=%s is changed: %s from %s to %s", to->name, to->enabled ? "enabled" : "disabled", to->listen.text, to->backend.text);
	json_array_append_new(e->done, proxy_json(p));
	return true;
}

static struct proxy *step_proxy(struct job *e, const struct step *s)
{
	return control_numbered(request_control(e->request), s->number);
}

static bool update_address(struct job *e, struct step *s)
{
	struct proxy *p = step_proxy(e, s);

	if (s->wanted.listen)
		return address_read(e, s->wanted.listen);
	if (p && !p->at.len)
		address_copy(&e->address, &proxy_spec(p)->listen);
	return true;
}

/* The next of several copies: the one before it goes. */
static void become(struct spec **s, struct spec *next)
{
	spec_unref(*s);
	*s = next;
}

static struct spec *updated(struct job *e, const struct proxy *p, const struct proxy_request *w, bool moved)
{
	struct spec *to = spec_ref(proxy_spec(p));
	const char *culprit;
	char error[ERROR_MAX];

	become(&to, spec_with_enabled(to, w->enabled < 0 ? to->enabled : w->enabled));
	if (moved)
		become(&to, spec_with_address(to, &e->address));
	if (w->upstream && strcmp(w->upstream, to->backend.text)) {
		address_free(&to->backend);
		to->backend = proxy_request_upstream(w->upstream);
	}
	if (w->protocol && w->protocol != to->protocol)
		become(&to, spec_with_protocol(to, settings_template(control_settings(request_control(e->request)), w->protocol)));
	if (spec_check_rules(to, &culprit, error))
		return to;
	http_error_set(&e->fault, 400, "bad request body: %s", error);
	spec_unref(to);
	return NULL;
}

static bool update_take(struct job *e, struct step *s, const struct endpoint *at)
{
	struct proxy *p = step_proxy(e, s);

	if (!p)
		return http_error_set(&e->fault, 404, "proxy not found");
	bool moved = s->wanted.listen && !place_same(p, &e->address, at);
	struct spec *to = updated(e, p, &s->wanted, moved);
	if (!to)
		return false;
	bool elsewhere = strcmp(to->backend.text, proxy_spec(p)->backend.text) != 0;
	return proxy_become(e, p, to, moved || !p->at.len ? at : NULL, moved || elsewhere);
}

/* The rules are those that the proxy has, in all but what they have met. */
static bool rules_same(const struct spec *a, const struct spec *b)
{
	bool same = a->n_rules == b->n_rules;

	for (unsigned i = 0; same && i < a->n_rules; i++)
		same = rule_same(&a->rules[i], &b->rules[i]);
	return same;
}

static bool populate_take(struct job *e, struct step *s, const struct endpoint *at)
{
	const struct proxy_request *w = &s->wanted;
	struct proxy *p = control_find(request_control(e->request), w->name);
	struct spec *to = wished(e, w);

	if (!to)
		return false;
	if (!p)
		return proxy_begin(e, to, at);
	struct spec *is = proxy_spec(p);
	bool moved = !place_same(p, &e->address, at), same = !moved && !strcmp(is->backend.text, to->backend.text);
	if (same && (!w->protocol || w->protocol == is->protocol) && (!w->toxics || rules_same(is, to))) {
		spec_unref(to);
		json_array_append_new(e->done, proxy_json(p));
		return true;
	}
	if (same)
		to->enabled = is->enabled;
	if (!moved && is->asked)                /* the free port that it has got */
		become(&to, spec_with_address(to, &is->listen));
	return proxy_become(e, p, to, moved || !p->at.len ? at : NULL, !same);
}

static bool reset_address(struct job *e, struct step *s)
{
	struct proxy *p = step_proxy(e, s);

	if (p && !p->at.len)
		address_copy(&e->address, &proxy_spec(p)->listen);
	return true;
}

static bool reset_take(struct job *e, struct step *s, const struct endpoint *at)
{
	struct proxy *p = step_proxy(e, s);

	if (!p || (proxy_spec(p)->enabled && !proxy_spec(p)->n_rules))
		return true;
	struct spec *to = spec_without_rules(proxy_spec(p));
	become(&to, spec_with_enabled(to, true));
	return proxy_become(e, p, to, p->at.len ? NULL : at, false);
}

static const struct kind
	creating   = { "listen tcp: ", 201, create_address, create_take },
	updating   = { "", 200, update_address, update_take },
	populating = { "", 201, create_address, populate_take },
	resetting  = { "", 204, reset_address, reset_take };

/* ---- step by step ---- */

static void job_free(struct job *e)
{
	for (size_t i = 0; i < e->n; i++)
		proxy_request_free(&e->steps[i].wanted);
	if (e->address.text)
		address_free(&e->address);
	json_decref(e->done);
	free(e);
}

static void populate_answer(struct job *e)
{
	json_t *answer = json_object();
	size_t n;

	if (e->fault.status) {
		json_object_set_new(answer, "error", json_text(e->fault.text));
		json_object_set_new(answer, "status", json_integer(e->fault.status));
	}
	json_object_set_new(answer, "proxies", json_array_size(e->done) ? json_incref(e->done) : json_null());
	char *text = go_write(answer, &n);
	json_decref(answer);
	request_answer_text(e->request, e->fault.status ? e->fault.status : e->kind->status, "application/json", text, n);
}

static void job_answer(struct job *e)
{
	size_t n;

	if (e->kind == &populating) {
		populate_answer(e);
	} else if (e->fault.status) {
		toxiproxy_error(e->request, &e->fault);
	} else if (e->kind == &resetting) {
		request_answer_text(e->request, 204, NULL, NULL, 0);
	} else {
		char *text = go_write(json_array_get(e->done, 0), &n);
		request_answer_text(e->request, e->kind->status, "application/json", text, n);
	}
}

static void nothing(struct broadcast *r, struct worker *w)
{
}

static void job_over(struct broadcast *r)
{
	struct job *e = (struct job *)r;

	job_answer(e);
	job_free(e);
}

static void job_go(struct job *e);

static void job_found(struct lookup *l)
{
	struct job *e = OWNER(job, lookup, l);
	struct step *s = &e->steps[e->at++];
	bool at_end = control_workers(request_control(e->request))->alone;

	if (at_end)
		http_error_set(&e->fault, 503, "the program ends");
	else if (!l->n)
		http_error_set(&e->fault, 500, "%slookup %s: no such host", e->kind->trouble, e->address.host);
	else
		e->kind->take(e, s, &l->found[0]);
	job_go(e);
}

/* False: it goes on when the name has been looked up. */
static bool step_take(struct job *e)
{
	struct step *s = &e->steps[e->at];
	struct control *c = request_control(e->request);
	struct endpoint at;

	if (e->address.text)
		address_free(&e->address);
	e->address = (struct address){ .text = NULL };
	if (e->kind->address(e, s) && e->address.text && !address_numeric(&e->address, true, &at)) {
		lookup_start(&e->lookup, control_resolver(c), control_loop(c), &e->address);
		return false;
	}
	e->at++;
	if (!e->fault.status)
		e->kind->take(e, s, e->address.text ? &at : NULL);
	return true;
}

static void job_go(struct job *e)
{
	while (e->at < e->n && !e->fault.status) {
		if (!step_take(e))
			return;
		log_drain();            /* a long list makes more lines than the ring holds, and it is this thread that empties it */
	}
	e->broadcast = (struct broadcast){ nothing, job_over };
	control_broadcast(request_control(e->request), &e->broadcast);
}

static struct job *job_make(struct request *r, const struct kind *kind, size_t n)
{
	struct job *e = xcalloc(1, sizeof *e + n * sizeof *e->steps);
	e->request = r;
	e->by.by = request_by(r);
	e->kind = kind;
	e->n = n;
	e->lookup.done = job_found;
	e->done = json_array();
	return e;
}

void job_create(struct request *r, struct proxy_request *w)
{
	struct job *e = job_make(r, &creating, 1);

	e->steps[0].wanted = *w;
	job_go(e);
}

void job_update(struct request *r, struct proxy *p, struct proxy_request *w)
{
	struct job *e = job_make(r, &updating, 1);

	e->steps[0] = (struct step){ proxy_number(p), *w };
	job_go(e);
}

void job_populate(struct request *r, struct proxy_request *w, size_t n)
{
	struct job *e = job_make(r, &populating, n);

	for (size_t i = 0; i < n; i++)
		e->steps[i].wanted = w[i];
	free(w);
	job_go(e);
}

void job_reset(struct request *r)
{
	struct control *c = request_control(r);
	struct job *e = job_make(r, &resetting, control_proxy_count(c));

	for (size_t i = 0; i < e->n; i++)
		e->steps[i].number = proxy_number(control_proxy(c, i));
	job_go(e);
}
