/* fleet.c - this program as a member of a fleet: it takes its rules from a store, and reports.
 *
 * The store's callbacks change the tables and set the timer. When it fires, a pass goes over the
 * proxies, PROXIES_A_TURN at a time, and makes each as the tables say. A pass follows at least once
 * a second: it finds new proxies, deadlines, and a store that is out of reach. */
#include "fleet/fleet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "fleet/apply.h"
#include "fleet/report.h"
#include "fleet/selector.h"
#include "fleet/table.h"

enum {
	RULES_KNOWN    = 1000,          /* fleet rules at a time */
	PROXIES_A_TURN = 200,
	ODD_SHOWN      = 8,             /* keys that are no rules, logged by name */
};

#define EVERY (1 * VN_S)

struct fleet {
	struct control *control;
	struct store *store;
	struct store_user user;
	struct timer timer;
	char *name, *api;
	json_t *labels;
	struct fleet_rule *rules;
	size_t n, room;
	json_t *members;                /* documents by name; while `counts` */
	bool counts;                    /* a rule has max_members: the members are watched */
	bool members_listed;
	bool changed;                   /* since the pass under way began */
	unsigned passed;                /* number of the last proxy that the pass has seen */
	bool passing;
	vn_nsec reached;                /* when the store answered last; 0: never so far */
	bool open;                      /* it is out of reach: no rule is in force */
	char *trouble;                  /* the last sentence; NULL: none */
	unsigned odd;                   /* keys that are no rules, since the last list */
	uint64_t mark;                  /* of the member's report */
	struct asking *asking;          /* those who have asked for the whole fleet */
};

static struct fleet *here;

struct fleet *fleet_here(void)
{
	return here;
}

static vn_nsec now_of(struct fleet *f)
{
	return control_loop(f->control)->now;
}

static void soon(struct fleet *f)
{
	f->changed = true;
	if (!f->passing)
		timer_set(control_loop(f->control), &f->timer, now_of(f));
}

/* ---- what the store tells ---- */

static struct fleet_rule *rule_find(struct fleet *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->rules[i].id, id))
			return &f->rules[i];
	return NULL;
}

static void odd_key(struct fleet *f, const char *name, const char *why)
{
	char shown[100];

	if (f->odd++ < ODD_SHOWN)
		log_warning("fleet: the key rules/%s is ignored: %s",
		            text_printable(name, shown, sizeof shown), why);
}

static struct fleet_rule *rule_add(struct fleet *f, const char *id)
{
	if (f->n == f->room)
		f->rules = xrealloc(f->rules, (f->room = f->room * 2 + 8) * sizeof *f->rules);
	f->rules[f->n] = (struct fleet_rule){ .id = xstrdup(id) };
	return &f->rules[f->n++];
}

static void rule_gone(struct fleet *f, struct fleet_rule *r)
{
	if (!r || r->gone)
		return;
	r->gone = true;
	log_info("fleet: rule %s is withdrawn", r->id);
	soon(f);
}

static void rule_entry(struct fleet *f, const struct store_entry *e)
{
	struct fleet_rule *r = rule_find(f, e->name);

	if (!e->text) {
		rule_gone(f, r);
		return;
	}
	if (!fleet_id_good(e->name)) {
		odd_key(f, e->name, "expected a name of letters, digits, '.', '_' and '-'");
		return;
	}
	if (!r && f->n >= RULES_KNOWN) {
		odd_key(f, e->name, "a member takes at most 1000 fleet rules");
		return;
	}
	if (!r)
		r = rule_add(f, e->name);
	r->told = true;
	if (r->version == e->version && !r->gone)
		return;
	fleet_rule_read(r, e, now_of(f));
	if (r->error)
		odd_key(f, e->name, r->error);
	else
		log_info("fleet: rule %s is wished for", r->id);
	soon(f);
}

static void member_entry(struct fleet *f, const struct store_entry *e)
{
	json_t *m = e->text ? json_loadb(e->text, e->n, 0, NULL) : NULL;

	if (m && member_name_good(e->name))
		json_object_set(f->members, e->name, m);
	else
		json_object_del(f->members, e->name);
	json_decref(m);
	soon(f);
}

static void store_entry(struct store_user *u, enum store_folder folder, const struct store_entry *e)
{
	struct fleet *f = OWNER(fleet, user, u);

	if (folder == STORE_RULES)
		rule_entry(f, e);
	else if (folder == STORE_MEMBERS)
		member_entry(f, e);
}

static void store_listed(struct store_user *u, enum store_folder folder)
{
	struct fleet *f = OWNER(fleet, user, u);

	if (folder == STORE_MEMBERS)
		f->members_listed = true;
	for (size_t i = 0; folder == STORE_RULES && i < f->n; i++) {
		if (!f->rules[i].told)
			rule_gone(f, &f->rules[i]);
		f->rules[i].told = false;
	}
	if (f->odd > ODD_SHOWN)
		log_warning("fleet: %u more keys under rules/ are ignored", f->odd - ODD_SHOWN);
	f->odd = 0;
	soon(f);
}

static void store_reached(struct store_user *u)
{
	struct fleet *f = OWNER(fleet, user, u);

	if (f->trouble || !f->reached)
		log_info("fleet: the store answers");
	free(f->trouble);
	f->trouble = NULL;
	f->reached = clock_monotonic();
	if (f->open)
		soon(f);
}

static void store_trouble(struct store_user *u, const char *sentence)
{
	struct fleet *f = OWNER(fleet, user, u);

	if (!f->trouble)
		log_warning("fleet: %s", sentence);
	else
		log_debug("fleet: %s", sentence);
	free(f->trouble);
	f->trouble = xstrdup(sentence);
}

/* ---- who is among the members that max_members names ---- */

static bool counts_any(const struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (!f->rules[i].gone && !f->rules[i].error && f->rules[i].limit >= 0)
			return true;
	return false;
}

/* Is our place among those that fit before the limit? */
static bool among(const struct fleet *f, const struct fleet_rule *r)
{
	size_t fit = 0, before = 0;
	const char *name;
	json_t *member;

	json_object_foreach(f->members, name, member) {
		if (!selector_fits_member(r->select, member))
			continue;
		fit++;
		before += member_compare(name, f->name) < 0;
	}
	fit += !json_object_get(f->members, f->name);   /* the store does not tell of us yet */
	return before < limit_of(r->limit, r->percent, fit);
}

static void choose(struct fleet *f)
{
	bool counts = counts_any(f);

	if (counts != f->counts) {
		f->counts = counts;
		f->members_listed = false;
		json_object_clear(f->members);
		store_watch(f->store, STORE_MEMBERS, counts);
	}
	for (size_t i = 0; i < f->n; i++) {
		struct fleet_rule *r = &f->rules[i];
		if (r->error || r->gone)
			continue;
		r->chosen = selector_fits_labels(r->select, f->labels)
			&& (r->limit < 0 || (f->members_listed && among(f, r)));
	}
}

/* ---- a pass over the proxies ---- */

static void fail_open(struct fleet *f)
{
	bool open = clock_monotonic() - f->reached > STORE_LEASE * VN_S;

	if (open && !f->open && f->reached)
		log_warning("fleet: the store is out of reach for %d s: its rules are taken back",
		            STORE_LEASE);
	f->open = open;
}

static void free_gone(struct fleet *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->rules[i].gone && !f->rules[i].n)
			fleet_rule_clear(&f->rules[i]);
		else
			f->rules[kept++] = f->rules[i];
	}
	f->n = kept;
}

static void publish(struct fleet *f)
{
	uint64_t mark = member_mark(f->control);
	char *text = status_report(f->control, f->rules, f->n);

	store_publish(f->store, STORE_STATUS, text);
	free(text);
	if (mark == f->mark)
		return;
	f->mark = mark;
	text = member_report(f->control, f->labels, f->api);
	store_publish(f->store, STORE_MEMBERS, text);
	free(text);
}

/* Trials of proxies that there are no more. */
static void forget_removed(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = f->rules[i].n; k-- > 0;)
			if (!control_numbered(f->control, f->rules[i].trials[k].proxy))
				trial_forget(&f->rules[i], &f->rules[i].trials[k]);
}

static void pass_begin(struct fleet *f)
{
	f->passing = true;
	f->changed = false;
	f->passed = 0;
	fail_open(f);
	choose(f);
	forget_removed(f);
}

/* The next proxies. False: all are done. */
static bool pass_on(struct fleet *f)
{
	struct proxy *p = NULL;

	for (int i = 0; f->n && i < PROXIES_A_TURN; i++) {
		p = proxy_made_after(control_proxies(f->control), f->passed);
		if (!p)
			return false;
		f->passed = proxy_number(p);
		fleet_apply(f->control, p, f->rules, f->n, f->open, now_of(f));
	}
	return p;
}

static void pass_end(struct fleet *f)
{
	f->passing = false;
	free_gone(f);
	publish(f);
	timer_set(control_loop(f->control), &f->timer, f->changed ? now_of(f) : now_of(f) + EVERY);
}

static void fire(struct timer *t)
{
	struct fleet *f = OWNER(fleet, timer, t);

	if (!f->passing)
		pass_begin(f);
	if (pass_on(f))
		timer_set(control_loop(f->control), &f->timer, now_of(f) + 1);
	else
		pass_end(f);
}

/* ---- the whole fleet ---- */

/* Three lists, one after the other. */
struct asking {
	struct fleet_query *query;
	struct store *store;
	struct store_list list;
	json_t *texts[STORE_FOLDERS];
	struct timer limit;
	struct loop *loop;
	struct asking *next, **link;
};

static void asking_end(struct asking *a, const char *error)
{
	json_t *all = error ? NULL : fleet_table(a->texts[STORE_RULES], a->texts[STORE_MEMBERS],
	                                         a->texts[STORE_STATUS]);

	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	store_list_cancel(&a->list);
	timer_stop(a->loop, &a->limit);
	a->query->done(a->query, all, error);
	json_decref(all);
	for (int i = 0; i < STORE_FOLDERS; i++)
		json_decref(a->texts[i]);
	free(a);
}

static void asking_late(struct timer *t)
{
	asking_end(OWNER(asking, limit, t), "the store does not answer");
}

static void asking_listed(struct store_list *l, const json_t *texts, const char *error)
{
	struct asking *a = OWNER(asking, list, l);

	if (error) {
		asking_end(a, error);
		return;
	}
	a->texts[l->folder] = json_incref((json_t *)texts);
	if (++l->folder < STORE_FOLDERS)
		store_list(a->store, l);
	else
		asking_end(a, NULL);
}

void fleet_query(struct fleet *f, struct fleet_query *q)
{
	struct asking *a = xcalloc(1, sizeof *a);

	*a = (struct asking){
		.query = q, .store = f->store, .loop = control_loop(f->control),
		.list = { .done = asking_listed }, .limit.fire = asking_late,
		.next = f->asking, .link = &f->asking,
	};
	if (a->next)
		a->next->link = &a->next;
	f->asking = a;
	timer_set(a->loop, &a->limit, a->loop->now + 2 * VN_S);
	store_list(f->store, &a->list);
}

/* ---- start and end ---- */

struct fleet *fleet_start(struct control *c, const char *api, char error[ERROR_MAX])
{
	const struct fleet_settings *s = &control_settings(c)->fleet;
	struct store_settings store = { s->url, s->ca, s->cert, s->key, s->user };
	struct fleet *f = xcalloc(1, sizeof *f);
	char host[128] = "";

	gethostname(host, sizeof host - 1);
	f->control = c;
	f->timer.fire = fire;
	f->api = xstrdup(api);
	f->name = xstrdup(s->name ? s->name : api ? api + strlen("http://") : host);
	f->members = json_object();
	f->user = (struct store_user){ store_entry, store_listed, store_reached, store_trouble };
	f->labels = labels_read(s->labels ? s->labels : "", "fleet_labels", error);
	if (f->labels && member_name_good(f->name))
		f->store = store_open(control_loop(c), &store, f->name, &f->user, error);
	else if (f->labels)
		error_format(error, "fleet_name: expected at most %d bytes without '/'",
		             MEMBER_MAX);
	if (!f->store) {
		fleet_free(f);
		return NULL;
	}
	log_info("fleet: member %s of %s", f->name, s->url);
	soon(f);
	return here = f;
}

bool fleet_leave(struct fleet *f, void (*left)(void *user), void *user)
{
	if (!f)
		return false;
	timer_stop(control_loop(f->control), &f->timer);
	return store_leave(f->store, left, user);
}

void fleet_free(struct fleet *f)
{
	if (!f)
		return;
	here = NULL;
	while (f->asking)
		asking_end(f->asking, "the program stops");
	timer_stop(control_loop(f->control), &f->timer);
	store_close(f->store);
	for (size_t i = 0; i < f->n; i++)
		fleet_rule_clear(&f->rules[i]);
	free(f->rules);
	free(f->trouble);
	free(f->name);
	free(f->api);
	json_decref(f->labels);
	json_decref(f->members);
	free(f);
}
