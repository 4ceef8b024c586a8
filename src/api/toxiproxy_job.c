/* toxiproxy_job.c - a request that creates or changes proxies, one after the other.
 *
 * A job is a list of steps, one per proxy. Each step needs an address to listen on. If that is
 * a name it is looked up, and meanwhile others may change proxies: so a step finds its proxy
 * when it is applied, not before. A long list takes several turns of the loop, too. After the last
 * step a broadcast that does nothing makes sure that all workers have all changes. */
#include "api/toxiproxy_job.h"

#include <stdlib.h>
#include <string.h>

#include "api/toxiproxy_reply.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/same.h"
#include "spec/rule_tls.h"
#include "tls/legs.h"

#define TURN (5 * VN_MS)                /* of a job, before others have theirs */

enum { KEPT_MAX = 1 << 20 };            /* bytes of a reply that are made before it is sent */

struct step {
	unsigned number;                /* of the proxy, if it must exist; else 0 */
	struct proxy_request wanted;
};

struct job {
	struct broadcast broadcast;     /* after the last step */
	struct lookup lookup;
	struct request *request;
	struct waiter by;               /* of each change */
	const struct kind *kind;
	struct http_error error;        /* status 0: none so far */
	struct address address;         /* of this step; text NULL: none */
	json_t *reply;                  /* the proxy that was made or changed, as JSON; or NULL */
	struct populated_proxy *made;   /* populate: the proxies of all steps so far ... */
	size_t n_made;
	size_t kept;                    /* ... and bytes of their texts */
	struct mail turn;               /* posted: the job goes on in the loop's next turn */
	size_t at, n;                   /* the next step; all */
	struct step steps[];
};

static const struct kind {
	const char *prefix;             /* of the error about an invalid address */
	unsigned status;                /* of the reply */
	/* Set job->address, if the step needs one. False: job->error is set. */
	bool (*address)(struct job *, struct step *);
	/* Create or change the proxy. `at` is job->address resolved; NULL: it has none. False:
	 * job->error is set. */
	bool (*apply)(struct job *, struct step *, const struct endpoint *at);
} creating, updating, populating, resetting;

static struct control *job_control(const struct job *j)
{
	return request_control(j->request);
}

/* ---- errors ---- */

/* Go's texts of errno begin with a small letter, unless the first word is an abbreviation. */
static const char *errno_show(int error, char buffer[128])
{
	snprintf(buffer, 128, "%s", strerror(error));
	if (buffer[0] >= 'A' && buffer[0] <= 'Z' && !(buffer[1] >= 'A' && buffer[1] <= 'Z'))
		buffer[0] += 'a' - 'A';
	return buffer;
}

static bool bind_error(struct job *j, const struct endpoint *at, int error)
{
	char shown[160], why[128];

	return http_error_set(&j->error, 500, "listen tcp %s: bind: %s",
	                      endpoint_show(at, shown, sizeof shown), errno_show(error, why));
}

/* ---- addresses ---- */

/* `p`: the proxy that is there already; or NULL. The address that it is shown with is its own, also
 * if it is 0.0.0.0, which for a new proxy is IPv6, too. */
static bool address_read(struct job *j, const struct proxy *p, const struct proxy_request *w)
{
	const char *listen = w->listen ? w->listen : "";
	char shown[160], error[GO_ERROR];

	if (p && w->ipv4_only < 0 && !strcmp(listen, toxiproxy_listen(p, shown))) {
		address_copy(&j->address, &proxy_spec(p)->listen);
		return true;
	}
	return proxy_request_address(listen, w->ipv4_only == 1, &j->address, error)
	    || http_error_set(&j->error, 500, "%s%.400s", j->kind->prefix, error);
}

/* The proxy listens there, or will if it is enabled. `at`: the address resolved, or NULL. */
static bool address_same(const struct proxy *p, const struct address *a, const struct endpoint *at)
{
	const struct spec *s = proxy_spec(p);
	struct endpoint own = p->at;

	if (!strcmp(a->text, s->asked ? s->asked : s->listen.text) ||
	    !strcmp(a->text, s->listen.text))
		return true;
	return at && (own.len || address_numeric(&s->listen, true, &own)) &&
	       own.udp == at->udp && endpoint_same(&own, at);
}

/* A proxy that has never listened has an address that was never resolved: the step resolves it. */
static void address_of_unbound(struct job *j, const struct proxy *p)
{
	if (p && !p->at.len)
		address_copy(&j->address, &proxy_spec(p)->listen);
}

/* ---- proxies ---- */

/* The step is done, and this is its proxy. */
static void job_note(struct job *j, const struct proxy *p)
{
	struct populated_proxy *made = j->made ? &j->made[j->n_made++] : NULL;
	size_t n = 0;

	if (!made && j->n == 1)
		j->reply = toxiproxy_proxy_json(p);
	if (!made)
		return;
	made->number = proxy_number(p);
	if (j->kept >= KEPT_MAX)
		return;
	json_t *json = toxiproxy_proxy_json(p);
	made->text = go_write(json, &n);
	json_decref(json);
	j->kept += n;
}

static struct proxy *step_proxy(const struct job *j, const struct step *s)
{
	return control_numbered(job_control(j), s->number);
}

/* Reads the files of its TLS, which its rules may need. Takes the reference over. NULL: job->error
 * is set. */
static struct spec *spec_secured(struct job *j, struct spec *s)
{
	char error[ERROR_MAX];
	const char *culprit;

	if (!s || (tls_legs_make(s, error) && spec_check_tls(s, &culprit, error)))
		return s;
	http_error_set(&j->error, 400, "bad request body: %.400s", error);
	spec_unref(s);
	return NULL;
}

static struct spec *wanted_spec(struct job *j, const struct proxy_request *w)
{
	const struct settings *s = control_settings(job_control(j));

	return spec_secured(j, proxy_request_spec(w, &j->address,
	                                          settings_template(s, w->protocol), &j->error));
}

/* Takes the reference to `to`. */
static bool job_create_proxy(struct job *j, struct spec *to, const struct endpoint *at)
{
	struct proxy *made;
	int error = proxy_create(control_proxies(job_control(j)), to, at, &j->by, &made);

	if (error) {
		spec_unref(to);
		return bind_error(j, at, error);
	}
	log_info("proxy=%s is made: from %s to %s", to->name, to->listen.text, to->backend.text);
	job_note(j, made);
	return true;
}

/* Where it listens from now on; NULL: where it did. A proxy of `vaurien run` listens nowhere
 * itself, which is no reason to look for an address. */
static const struct endpoint *newly_at(const struct proxy *p, const struct endpoint *at,
                                       bool moved)
{
	return moved || (!p->at.len && !proxy_spec(p)->gate) ? at : NULL;
}

/* Takes the reference to `to`. */
static bool job_update_proxy(struct job *j, struct proxy *p, struct spec *to,
                             const struct endpoint *at, bool empty)
{
	if (at && to->gate) {
		spec_unref(to);
		return http_error_set(&j->error, 400, "bad request body: listen: expected no other "
		                      "address: vaurien run leads clients to this proxy, so it "
		                      "listens nowhere itself");
	}
	int error = proxy_update(p, to, at, empty, &j->by);
	if (error) {
		spec_unref(to);
		return bind_error(j, at ? at : &p->at, error);
	}
	log_info("proxy=%s is changed: %s from %s to %s", to->name,
	         to->enabled ? "enabled" : "disabled", to->listen.text, to->backend.text);
	job_note(j, p);
	return true;
}

/* A spec with several changes is several copies: the next one takes the place of the one before. */
static void spec_replace(struct spec **s, struct spec *next)
{
	spec_unref(*s);
	*s = next;
}

/* ---- POST /proxies ---- */

static bool create_address(struct job *j, struct step *s)
{
	return address_read(j, NULL, &s->wanted);
}

static bool create_apply(struct job *j, struct step *s, const struct endpoint *at)
{
	if (control_find(job_control(j), s->wanted.name))
		return http_error_set(&j->error, 409, "proxy already exists");
	struct spec *to = wanted_spec(j, &s->wanted);
	return to && job_create_proxy(j, to, at);
}

/* ---- POST /proxies/NAME ---- */

static bool update_address(struct job *j, struct step *s)
{
	if (s->wanted.listen)
		return address_read(j, step_proxy(j, s), &s->wanted);
	address_of_unbound(j, step_proxy(j, s));
	return true;
}

/* The proxy's spec with what is wanted; NULL: job->error is set. */
static struct spec *updated_spec(struct job *j, const struct proxy *p,
                                 const struct proxy_request *w, bool moved)
{
	struct spec *to = spec_ref(proxy_spec(p));
	const char *culprit;
	char error[ERROR_MAX];

	spec_replace(&to, spec_with_enabled(to, w->enabled < 0 ? to->enabled : w->enabled));
	if (moved)
		spec_replace(&to, spec_with_address(to, &j->address));
	if (w->upstream && strcmp(w->upstream, to->backend.text))
		spec_backend_set(to, proxy_request_upstream(w->upstream));
	if (w->protocol && w->protocol != to->protocol)
		spec_replace(&to, spec_with_protocol(to,
			settings_template(control_settings(job_control(j)), w->protocol)));
	proxy_request_topology(to, w);
	proxy_request_tls(to, w);
	if (spec_check_rules(to, &culprit, error))
		return w->tls || w->upstream || w->protocol ? spec_secured(j, to) : to;
	http_error_set(&j->error, 400, "bad request body: %s", error);
	spec_unref(to);
	return NULL;
}

/* An explicit port 0 is another port, as in Toxiproxy, also where that was asked for before. */
static bool update_moves(const struct job *j, const struct proxy *p, const struct endpoint *at)
{
	const struct address *a = &j->address;

	return (!a->port && !a->unix_path) || !address_same(p, a, at);
}

static bool update_apply(struct job *j, struct step *s, const struct endpoint *at)
{
	struct proxy *p = step_proxy(j, s);

	if (!p)
		return http_error_set(&j->error, 404, "proxy not found");
	bool moved = s->wanted.listen && update_moves(j, p, at);
	struct spec *to = updated_spec(j, p, &s->wanted, moved);
	if (!to)
		return false;
	bool empty = moved || strcmp(to->backend.text, proxy_spec(p)->backend.text);
	return job_update_proxy(j, p, to, newly_at(p, at, moved), empty);
}

/* ---- POST /populate ---- */

static bool populate_address(struct job *j, struct step *s)
{
	return address_read(j, control_find(job_control(j), s->wanted.name), &s->wanted);
}

/* The proxy listens and connects where it is wanted to: only the rules that differ are changed, and
 * it stays enabled or disabled. */
static bool populate_rules(struct job *j, struct proxy *p, const struct proxy_request *w,
                           const struct endpoint *at)
{
	bool same;
	struct spec *to = proxy_request_rules(w, proxy_spec(p), &same, &j->error);

	if (w->tls)
		to = spec_secured(j, to);
	if (!to)
		return false;
	if (!same)
		return job_update_proxy(j, p, to, newly_at(p, at, false), false);
	spec_unref(to);
	job_note(j, p);
	return true;
}

/* A proxy of that name has other addresses or another protocol: it is replaced, and its connections
 * are closed. With the same addresses it stays enabled or disabled. */
static bool populate_replace(struct job *j, struct proxy *p, const struct proxy_request *w,
                             const struct endpoint *at, bool moved)
{
	const struct spec *is = proxy_spec(p);
	struct spec *to = wanted_spec(j, w);

	if (!to)
		return false;
	to->gate = gate_ref(is->gate);
	bool addressed = moved || strcmp(is->backend.text, to->backend.text);
	if (!addressed)
		to->enabled = is->enabled;
	if (!moved) {           /* it keeps the port that it got, and the address as it was typed */
		spec_replace(&to, spec_with_address(to, &is->listen));
		to->asked = xstrdup(is->asked);
	}
	return job_update_proxy(j, p, to, newly_at(p, at, moved), addressed);
}

static bool populate_apply(struct job *j, struct step *s, const struct endpoint *at)
{
	const struct proxy_request *w = &s->wanted;
	struct proxy *p = control_find(job_control(j), w->name);

	if (!p) {
		struct spec *to = wanted_spec(j, w);
		return to && job_create_proxy(j, to, at);
	}
	const struct spec *is = proxy_spec(p);
	bool moved = !address_same(p, &j->address, at);
	if (moved || strcmp(is->backend.text, w->upstream) ||
	    (w->protocol && w->protocol != is->protocol))
		return populate_replace(j, p, w, at, moved);
	return populate_rules(j, p, w, at);
}

/* ---- POST /reset ---- */

static bool reset_address(struct job *j, struct step *s)
{
	address_of_unbound(j, step_proxy(j, s));
	return true;
}

static bool reset_apply(struct job *j, struct step *s, const struct endpoint *at)
{
	struct proxy *p = step_proxy(j, s);

	if (!p || (proxy_spec(p)->enabled && !proxy_spec(p)->n_rules))
		return true;
	struct spec *to = spec_without_rules(proxy_spec(p));
	spec_replace(&to, spec_with_enabled(to, true));
	return job_update_proxy(j, p, to, newly_at(p, at, false), false);
}

static const struct kind
	creating   = { "listen tcp: ", 201, create_address, create_apply },
	updating   = { "", 200, update_address, update_apply },
	populating = { "", 201, populate_address, populate_apply },
	resetting  = { "", 204, reset_address, reset_apply };

/* ---- the end ---- */

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->n; i++)
		proxy_request_free(&j->steps[i].wanted);
	if (j->address.text)
		address_free(&j->address);
	json_decref(j->reply);
	for (size_t i = 0; j->made && i < j->n_made; i++)
		free(j->made[i].text);
	free(j->made);
	free(j);
}

static void job_reply(struct job *j)
{
	struct request *r = j->request;

	if (j->kind == &populating) {
		toxiproxy_reply_populated(r, j->kind->status, &j->error, j->made, j->n_made);
		j->made = NULL;
	} else if (j->error.status) {
		toxiproxy_error(r, &j->error);
	} else if (j->kind == &resetting) {
		request_answer_text(r, j->kind->status, NULL, NULL, 0);
	} else {
		toxiproxy_reply(r, j->kind->status, json_incref(j->reply));
	}
}

static void nothing(struct broadcast *b, struct worker *w)
{
}

static void job_done(struct broadcast *b)
{
	struct job *j = OWNER(job, broadcast, b);

	job_reply(j);
	job_free(j);
}

/* ---- step by step ---- */

static void job_continue(struct job *j);

static void job_resolved(struct lookup *l)
{
	struct job *j = OWNER(job, lookup, l);
	struct step *s = &j->steps[j->at++];

	if (control_workers(job_control(j))->alone)
		http_error_set(&j->error, 503, "the program ends");
	else if (!l->n)
		http_error_set(&j->error, 500, "%slookup %s: no such host", j->kind->prefix,
		               j->address.host);
	else
		l->found[0].udp = j->address.udp;
	if (!j->error.status)
		j->kind->apply(j, s, &l->found[0]);
	job_continue(j);
}

/* Apply the next step. False: its name is being looked up first. */
static bool job_step(struct job *j)
{
	struct step *s = &j->steps[j->at];
	struct control *c = job_control(j);
	struct endpoint at;

	if (j->address.text)
		address_free(&j->address);
	j->address = (struct address){ .text = NULL };
	bool good = j->kind->address(j, s);
	if (good && j->address.text && !address_numeric(&j->address, true, &at)) {
		lookup_start(&j->lookup, control_resolver(c), control_loop(c), &j->address);
		return false;
	}
	j->at++;
	if (good)
		j->kind->apply(j, s, j->address.text ? &at : NULL);
	return true;
}

static void job_turn(struct mail *m)
{
	struct job *j = OWNER(job, turn, m);

	if (control_workers(job_control(j))->alone)
		http_error_set(&j->error, 503, "the program ends");
	job_continue(j);
}

/* A long list takes turns with all else that this thread does: other requests, signals, and the
 * log, whose ring holds fewer lines than the list may log. */
static void job_continue(struct job *j)
{
	struct loop *loop = control_loop(job_control(j));
	vn_nsec until = loop->clock() + TURN;

	while (j->at < j->n && !j->error.status) {
		if (!job_step(j))
			return;
		if (j->at == j->n || loop->clock() < until)
			continue;
		log_drain();
		j->turn.open = job_turn;
		loop_defer(loop, &j->turn);
		return;
	}
	log_drain();
	j->broadcast = (struct broadcast){ nothing, job_done };
	control_broadcast(job_control(j), &j->broadcast);
}

/* ---- start ---- */

static struct job *job_new(struct request *r, const struct kind *kind, size_t n)
{
	struct job *j = xcalloc(1, sizeof *j + n * sizeof *j->steps);

	j->request = r;
	j->by.by = request_client(r);
	j->kind = kind;
	j->n = n;
	j->lookup.done = job_resolved;
	return j;
}

void job_create(struct request *r, struct proxy_request *w)
{
	struct job *j = job_new(r, &creating, 1);

	j->steps[0].wanted = *w;
	job_continue(j);
}

void job_update(struct request *r, struct proxy *p, struct proxy_request *w)
{
	struct job *j = job_new(r, &updating, 1);

	j->steps[0] = (struct step){ proxy_number(p), *w };
	job_continue(j);
}

void job_populate(struct request *r, struct proxy_request *w, size_t n)
{
	struct job *j = job_new(r, &populating, n);

	j->made = xcalloc(n + 1, sizeof *j->made);
	for (size_t i = 0; i < n; i++)
		j->steps[i].wanted = w[i];
	free(w);
	job_continue(j);
}

void job_reset(struct request *r)
{
	struct control *c = request_control(r);
	struct job *j = job_new(r, &resetting, control_proxy_count(c));

	for (size_t i = 0; i < j->n; i++)
		j->steps[i].number = proxy_number(control_proxy(c, i));
	job_continue(j);
}
