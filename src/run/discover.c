/* discover.c - a proxy for a destination: asked for by the supervisor, made by control. */
#include "run/discover.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/run_specs.h"
#include "spec/registry.h"

/* Carried like this, which rules do not fit it? */
static bool misfits_tell(struct control *c, const char *name, const struct vn_protocol *protocol)
{
	const struct settings *s = control_settings(c);

	return run_misfits_tell(s->run, settings_template(s, protocol), name);
}

/* ---- a new proxy ---- */

static void finding_return(struct mail *m)
{
	struct finding *f = OWNER(finding, mail, m);

	f->done(f);
}

/* Every worker has the proxy; or there is none. */
static void finding_made(struct waiter *w)
{
	struct finding *f = OWNER(finding, waiter, w);

	f->mail.open = finding_return;
	loop_post(f->loop, &f->mail);
}

static const char *free_name(const struct finding *f)
{
	if (strlen(f->name) <= 64 && !control_find(f->control, f->name))
		return f->name;
	return control_find(f->control, f->other_name) ? NULL : f->other_name;
}

static void finding_make(struct mail *m)
{
	struct finding *f = OWNER(finding, mail, m);
	const struct settings *s = control_settings(f->control);
	const char *name = free_name(f);
	struct spec *made = NULL;
	struct proxy *p;

	f->waiter = (struct waiter){ finding_made, "run" };
	if (!f->protocol)
		f->protocol = protocol_find("tcp");
	if (name)
		made = run_spec_make(s, name, f->backend, f->protocol, f->why);
	else
		error_format(f->why, "another proxy has its name, %s", f->other_name);
	if (!made) {
		finding_made(&f->waiter);
		return;
	}
	if (name != f->name)
		snprintf(f->name, sizeof f->name, "%s", name);
	f->gate = gate_ref(made->gate);
	f->gate->discovered = true;
	int error = proxy_create(control_proxies(f->control), made, NULL, &f->waiter, &p);
	assert(!error);                 /* nothing is bound */
	f->proxy = proxy_number(p);
	if (!f->unsure)
		misfits_tell(f->control, f->name, f->protocol);
}

void discover_ask(struct finding *f, struct loop *control)
{
	f->mail.open = finding_make;
	loop_post(control, &f->mail);
}

/* ---- a protocol that is known now ---- */

static void recognition_return(struct mail *m)
{
	struct recognition *r = OWNER(recognition, mail, m);

	r->done(r);
}

static void recognition_made(struct waiter *w)
{
	struct recognition *r = OWNER(recognition, waiter, w);

	r->mail.open = recognition_return;
	loop_post(r->loop, &r->mail);
}

static void recognition_make(struct mail *m)
{
	struct recognition *r = OWNER(recognition, mail, m);
	struct proxy *p = control_numbered(r->control, r->proxy);
	struct totals t = { .held = 0 };

	r->waiter = (struct waiter){ recognition_made, "run" };
	if (p)
		proxy_totals(p, &t);
	r->changed = p && t.n[STAT_OPENED] == r->handed && t.n[STAT_CLOSED] == r->handed;
	if (p)
		misfits_tell(r->control, proxy_spec(p)->name,
		             r->changed ? r->protocol : proxy_spec(p)->protocol);
	if (!r->changed) {
		recognition_made(&r->waiter);
		return;
	}
	const struct spec *from = proxy_spec(p);
	log_info("%s: its first bytes are %s, and it is carried as that", from->name,
	         r->protocol->name);
	control_change(r->control, p,
	               run_spec_recognised(control_settings(r->control), from, r->protocol),
	               &r->waiter);
}

void discover_recognise(struct recognition *r, struct loop *control)
{
	r->mail.open = recognition_make;
	loop_post(control, &r->mail);
}

/* ---- a protocol that stays as it is ---- */

struct note {
	struct mail mail;
	struct control *control;
	unsigned proxy;
	bool tls;
};

static void note_open(struct mail *m)
{
	struct note *n = OWNER(note, mail, m);
	const struct proxy *p = control_numbered(n->control, n->proxy);
	const struct spec *s = p ? proxy_spec(p) : NULL;
	bool misfits = s && misfits_tell(n->control, s->name, s->protocol);

	if (s && n->tls && !s->client_tls)
		log_line(misfits ? LOG_WARNING : LOG_INFO,
		         "%s: TLS passes unread, so rules that need messages do not reach it; "
		         "they do with --add 'NAME=%s,PROTOCOL client_tls=on backend_tls=on', if "
		         "the command trusts $VAURIEN_CA",
		         s->name, strchr(s->name, ':') ? s->name : s->backend.text);
	free(n);
}

void discover_note(struct control *c, struct loop *of_control, unsigned proxy, bool tls)
{
	struct note *n = xmalloc(sizeof *n);

	*n = (struct note){ { .open = note_open }, c, proxy, tls };
	loop_post(of_control, &n->mail);
}
