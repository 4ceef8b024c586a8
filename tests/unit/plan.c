/* plan.c - tests of rules worked out: who is meant, who is asked, who counts, and what is made of
 * it. */
#include "rules/plan.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

/* ---- guests that say whatever they are told: their options are the verdict itself ---- */

enum {
	ALWAYS = VN_ON_OPEN | VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA | VN_ON_REST | VN_ON_END |
	         VN_ON_LEAVE
};

static struct vn_event heard;              /* what a guest was asked last */
static unsigned asked;
static uint64_t drawn;

static void fake_say(const struct vn_event *e, struct vn_verdict *v)
{
	heard = *e;
	asked++;
	drawn = vn_dice_draw(e->dice);
	*v = *(const struct vn_verdict *)e->opts;
}

static void fake_refuse_act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct vn_verdict *told = e->opts;
	vn_verdict_refuse(e, told->failure, false, v);
}

static void fake_count_act(const struct vn_event *e, struct vn_verdict *v)
{
	v->hold = ++*(int64_t *)e->state;
}

#define GUEST(id, ...) \
	VN_BEHAVIOR(id, .help = "Says what it is told", .opts_size = sizeof(struct vn_verdict), \
	            __VA_ARGS__)

GUEST(fake_says, .on = ALWAYS, .act = fake_say)
GUEST(fake_says_back, .on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA, .direction = VN_RESPONSE,
      .act = fake_say)
GUEST(fake_says_once, .on = VN_ON_REQUEST, .act = fake_say)
GUEST(fake_refuses, .on = VN_ON_REQUEST | VN_ON_RESPONSE, .act = fake_refuse_act)
GUEST(fake_counts, .on = VN_ON_REQUEST, .state_size = sizeof(int64_t), .act = fake_count_act)

enum { ODD = 1 };                      /* a message's note: it cannot be answered "no" */

static bool fake_fits(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f)
{
	return m->note != ODD || strcmp(f->name, "no");
}

static int fake_refuse(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                       struct vn_buffer *o)
{
	return 0;
}

static void fake_word(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                      struct vn_buffer *o)
{
}

static const struct vn_failure failures[] = {
	{ "no", "1", "no", VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY },
	{ "locked", "2", "locked", VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST, VN_STAY },
	{ "read_only", "3", "read only", VN_IS_WRITE, VN_ON_REQUEST, VN_STAY },
	{ "gone", "4", "gone", VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE },
	{ "denied", "5", "denied", VN_IS_LOGIN, VN_ON_REQUEST, VN_STAY },
	{ NULL },
};

VN_PROTOCOL(fake_worded, .help = "Has words", .failures = failures, .fits = fake_fits,
            .refuse = fake_refuse, .word = fake_word)

/* ---- a plan and a question ---- */

enum { ROOM = RULES_MAX };

static struct spec *spec;
static struct plan *plan;
static struct question q;
static struct judgement j;
static struct vn_message msg;
static struct rule_flags whole, flags;

static struct spec *spec_fake(const char *name)
{
	struct spec *s = spec_make(name);
	s->protocol = &protocol_fake_worded;
	s->rules = calloc(ROOM, sizeof *s->rules);
	return s;
}

static struct rule_spec *rule_add(struct spec *s, const char *name, const struct vn_behavior *b,
                                  struct vn_verdict v)
{
	struct rule_spec *r = &s->rules[s->n_rules++];
	*r = (struct rule_spec){
		.name = strdup(name),
		.behavior = b,
		.high = 1,
		.every = 1,
		.times = UINT64_MAX,
		.until = VN_NEVER,
		.id = 100 + s->n_rules,
		.origin = 100 + s->n_rules,
		.counters = calloc(1, sizeof *r->counters)
	};
	opt_values_init(&r->values, b->options, b->opts_size);
	memcpy(r->values.opts, &v, sizeof v);
	atomic_init(&r->counters->refs, 1);
	return r;
}

static struct rule_spec *odds(struct rule_spec *r, double low, double high)
{
	r->low = low;
	r->high = high;
	return r;
}

#define CALM(...) (struct vn_verdict){ .keep = VN_ALL, __VA_ARGS__ }
#define ADD(name, behavior, ...) rule_add(spec, name, &behavior_##behavior, CALM(__VA_ARGS__))

static int set_up(void **state)
{
	log_threshold = LOG_CRITICAL;
	spec = spec_fake("proxy");
	whole = flags = (struct rule_flags){ 0 };
	msg = (struct vn_message){ .role = VN_ASKS, .is = VN_IS_COMMAND, .verb = "QUERY" };
	q = (struct question){ .moment = VN_ON_REQUEST,
		               .direction = VN_REQUEST,
		               .msg = &msg,
		               .connection = 1,
		               .whole = &whole,
		               .flags = &flags,
		               .words = true,
		               .now = 5 * VN_S };
	asked = 0;
	return 0;
}

static int tear_down(void **state)
{
	plan_unref(plan);
	spec_unref(spec);
	plan = NULL;
	log_threshold = LOG_INFO;
	return 0;
}

static void start(uint64_t seed)
{
	plan_unref(plan);
	plan = plan_make(spec, seed);
}

static ruleset decide_at(struct plan *p, ruleset among, uint64_t connection, uint64_t exchange,
                         unsigned moment)
{
	return plan_decide(
		p, among,
		&(struct question){
			.moment = moment, .connection = connection, .exchange = exchange });
}

static ruleset decide(struct plan *p, uint64_t exchange)
{
	return decide_at(p, plan_all(p), 1, exchange, 0);
}

/* The next exchange is decided, and its request judged. */
static bool next(void)
{
	q.exchange++;
	ruleset among = plan_all(plan) & ~plan->per_connection;
	flags = (struct rule_flags){ .in = decide_at(plan, among, q.connection, q.exchange, 0) };
	return plan_judge(plan, &q, &j);
}

static bool judge(enum vn_moment m, enum vn_direction d)
{
	q.moment = m;
	q.direction = d;
	return plan_judge(plan, &q, &j);
}

/* ---- deciding ---- */

/* 80:delay,20:error: one number for both, so one of them it is, always. */
static void weights_whole(void **state)
{
	unsigned first = 0;
	odds(ADD("behavior", fake_says), 0, 0.8);
	odds(ADD("behavior", fake_says), 0.8, 1);
	start(1);
	for (uint64_t x = 0; x < 10000; x++) {
		ruleset in = decide(plan, x);
		assert_true(in == 1 || in == 2);
		first += in == 1;
	}
	assert_in_range(first, 7850, 8150);
	assert_int_equal(spec->rules[0].counters->seen, first);
	assert_int_equal(spec->rules[1].counters->seen, 10000 - first);
}

static void weights_partly(void **state)
{
	unsigned met[3] = { 0 };
	odds(ADD("behavior", fake_says), 0, 0.3);
	odds(ADD("behavior", fake_says), 0.3, 0.5);
	start(2);
	for (uint64_t x = 0; x < 10000; x++) {
		ruleset in = decide(plan, x);
		assert_true(in < 3);
		met[in]++;
	}
	assert_in_range(met[0], 4800, 5200);
	assert_in_range(met[1], 2800, 3200);
	assert_in_range(met[2], 1800, 2200);
}

/* Rules of other names have dice of their own. */
static void names_apart(void **state)
{
	unsigned met[4] = { 0 };
	odds(ADD("one", fake_says), 0, 0.5);
	odds(ADD("two", fake_says), 0, 0.5);
	start(3);
	for (uint64_t x = 0; x < 10000; x++)
		met[decide(plan, x)]++;
	for (int i = 0; i < 4; i++)
		assert_in_range(met[i], 2300, 2700);
}

static void certain_and_never(void **state)
{
	ADD("always", fake_says);
	odds(ADD("never", fake_says), 0, 0);
	odds(ADD("nor", fake_says), 1, 1);
	start(4);
	assert_int_equal(plan->certain, 1);
	for (uint64_t x = 0; x < 1000; x++)
		assert_int_equal(decide(plan, x), 1);
	assert_int_equal(decide_at(plan, 0, 1, 1, 0), 0);
	assert_int_equal(decide_at(plan, 6, 1, 1, 0), 0);
	assert_int_equal(spec->rules[0].counters->seen, 1000);
	assert_int_equal(spec->rules[1].counters->seen, 0);
}

/* How many of a thousand exchanges fare otherwise under another seed, proxy, rule, connection or
 * moment. */
static unsigned differs(const char *proxy, const char *rule, uint64_t seed, uint64_t connection,
                        unsigned moment)
{
	struct spec *s = spec_fake(proxy);
	odds(rule_add(s, "before", &behavior_fake_says, CALM()), 0, 0.1);
	odds(rule_add(s, rule, &behavior_fake_says, CALM()), 0.25, 0.75);
	struct plan *p = plan_make(s, seed);
	unsigned n = 0;
	for (uint64_t x = 0; x < 1000; x++)
		n += decide(plan, x) != decide_at(p, 2, connection, x, moment) >> 1;
	plan_unref(p);
	spec_unref(s);
	return n;
}

/* Where in the plan the rule stands, and who else is in it, is no matter. */
static void same_fate(void **state)
{
	odds(ADD("rule", fake_says), 0.25, 0.75);
	start(42);
	assert_int_equal(differs("proxy", "rule", 42, 1, 0), 0);
	assert_in_range(differs("proxy", "rule", 43, 1, 0), 400, 600);
	assert_in_range(differs("other", "rule", 42, 1, 0), 400, 600);
	assert_in_range(differs("proxy", "role", 42, 1, 0), 400, 600);
	assert_in_range(differs("proxy", "rule", 42, 2, 0), 400, 600);
	assert_in_range(differs("proxy", "rule", 42, 1, 1), 400, 600);
}

static void full_of_rules(void **state)
{
	char name[16];
	start(1);
	assert_int_equal(plan_all(plan), 0);
	assert_int_equal(plan->moments, 0);
	for (int i = 0; i < RULES_MAX; i++) {
		snprintf(name, sizeof name, "r%d", i);
		ADD(name, fake_says, .hold = 1);
	}
	start(1);
	assert_int_equal(plan_all(plan), UINT64_MAX);
	assert_int_equal(plan->certain, UINT64_MAX);
	assert_int_equal(plan->moments, ALWAYS);
	assert_int_equal(decide(plan, 1), UINT64_MAX);
	assert_int_equal(plan_find(plan, 101), 0);
	assert_int_equal(plan_find(plan, 164), 63);
	assert_int_equal(plan_find(plan, 165), -1);
	assert_true(next());
	assert_int_equal(j.n, RULES_MAX);
	assert_int_equal(j.v.hold, RULES_MAX);
}

/* ---- matches and clients ---- */

static struct rule_spec *with(struct rule_spec *r, const char *field, const char *text)
{
	char error[ERROR_MAX];
	if (!r->fields.options)
		opt_values_init(&r->fields, rule_options, sizeof(struct rule_fields));
	assert_true(opt_set_text(&r->fields, opt_find(rule_options, field), text, error));
	return r;
}

/* Who is in for the next exchange, whose request is this. NULL: it has no subject. */
static ruleset ask(const char *verb, const char *subject)
{
	snprintf(msg.verb, sizeof msg.verb, "%s", verb);
	msg.subject = (struct vn_span){ (const uint8_t *)subject, subject ? strlen(subject) : 0 };
	q.exchange++;
	q.moment = 0;
	return plan_decide(plan, plan_all(plan), &q);
}

static void match_on_verb_and_subject(void **state)
{
	static const struct { const char *verb, *subject; ruleset in;
	} cases[] = {
		{ "QUERY", "UPDATE t SET a = 1", 8 | 1 },
		{ "QUERY", "update t", 8 | 2 },
		{ "EXECUTE", "UPDATE t", 8 | 2 },
		{ "QUERY", "SELECT 'UPDATE'", 8 },
		{ "PING", NULL, 8 | 4 },
		{ "PING", "", 8 | 4 },
		{ "PING", "x", 8 },
		{ "", NULL, 8 },
		{ "", "QUERY UPDATE", 8 }, /* a blank stands before it */
	};
	with(ADD("exact", fake_says), "match", "^QUERY UPDATE");
	with(ADD("either", fake_says), "match", "^(EXECUTE UPDATE|QUERY (?-i)update)");
	with(ADD("short", fake_says), "match", "^PING$");
	ADD("all", fake_says);
	start(1);
	assert_int_equal(plan->picky, 7);
	assert_int_equal(plan->certain, 8);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (ask(cases[i].verb, cases[i].subject) != cases[i].in)
			fail_msg("case %zu", i);
	/* rules that come while an exchange is open do not see what was asked */
	q.msg = NULL;
	assert_int_equal(plan_decide(plan, plan_all(plan), &q), 8);
	assert_int_equal(plan_decide(plan, 7, &q), 0);
	assert_int_equal(spec->rules[0].counters->seen, 1);
	assert_int_equal(spec->rules[3].counters->seen, sizeof cases / sizeof cases[0] + 1);
}

static void match_on_a_long_subject(void **state)
{
	enum { LONG = 1 << 16 };
	char *subject = malloc(LONG);
	with(ADD("end", fake_says), "match", "x$");
	with(ADD("early", fake_says), "match", "^QUERY a{9000}");
	start(1);
	memset(subject, 'a', LONG);
	strcpy(subject + 16380, "xxxxxxxxxx");
	assert_int_equal(ask("QUERY", subject), 3);     /* its first 16 KiB */
	memset(subject + 16380, 'a', LONG - 16380);
	subject[LONG - 2] = 'x';
	subject[LONG - 1] = 0;
	assert_int_equal(ask("QUERY", subject), 2);
	free(subject);
}

/* What is not matched throws no dice that count; what is has the fate it would have without the
 * match. */
static void match_then_dice(void **state)
{
	uint64_t in = 0, met = 0;
	odds(with(ADD("rule", fake_says), "match", "^QUERY UPDATE"), 0, 0.5);
	odds(ADD("rule", fake_says), 0, 0.5);
	start(7);
	for (int i = 0; i < 2000; i++) {
		ruleset set = ask("QUERY", i % 2 ? "UPDATE" : "SELECT");
		assert_int_equal(set & 1, i % 2 ? set >> 1 & 1 : 0);
		in += set & 1;
		met += set >> 1 & 1;
	}
	assert_in_range(in, 430, 570);
	assert_in_range(met, 900, 1100);
	assert_int_equal(spec->rules[0].counters->seen, in);
	assert_int_equal(spec->rules[1].counters->seen, met);
}

/* Counts are of those that it finds. */
static void match_then_counts(void **state)
{
	static const char *const asks[] = { "UPDATE", "SELECT", "UPDATE", "SELECT",
		                            "SELECT", "UPDATE", "SELECT", "UPDATE" };
	struct rule_spec *r = with(ADD("third", fake_says, .hold = 1), "match", "^QUERY UPDATE");
	r->skip = 2;
	r->times = 1;
	start(1);
	for (int i = 0; i < 8; i++) {
		flags = (struct rule_flags){ .in = ask("QUERY", asks[i]) };
		assert_int_equal(judge(VN_ON_REQUEST, VN_REQUEST), i == 5);
	}
	assert_int_equal(r->counters->seen, 4);
	assert_int_equal(r->counters->count, 4);
	assert_int_equal(r->counters->hits, 1);
}

static void clients(void **state)
{
	struct endpoint one = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&one.addr;
	ADD("all", fake_says);
	ADD("loop", fake_says)->client = (struct network){ AF_INET, { 127 }, 8 };
	ADD("two", fake_says)->client = (struct network){ AF_INET, { 127, 0, 0, 2 }, 32 };
	ADD("six", fake_says)->client = (struct network){ AF_INET6, { 0 }, 0 };
	start(1);
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
	assert_int_equal(plan_meant(plan, &one), 7);
	v4->sin_addr.s_addr = htonl(0x7f000001);
	assert_int_equal(plan_meant(plan, &one), 3);
	v4->sin_addr.s_addr = htonl(0x0a000001);
	assert_int_equal(plan_meant(plan, &one), 1);
	one.addr.ss_family = AF_INET6;
	assert_int_equal(plan_meant(plan, &one), 9);
	one.addr.ss_family = AF_UNIX;
	assert_int_equal(plan_meant(plan, &one), 1);
}

/* Where nothing can be read, nothing can be found: each time counts, and it is not in. */
static void match_on_raw(void **state)
{
	struct rule_spec *r = with(ADD("match", fake_says, .hold = 1), "match", "");
	odds(with(ADD("odd", fake_says, .hold = 1), "match", "x"), 0, 0.001);
	ADD("all", fake_says, .hold = 1);
	start(1);
	q.raw = true;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(ask("DATA", "x"), 4);
		assert_int_equal(r->counters->unreachable, i);
		assert_int_equal(spec->rules[1].counters->unreachable, i);
	}
	assert_int_equal(r->counters->seen, 0);
	q.raw = false;
	assert_int_equal(ask("DATA", NULL), 5);
	assert_int_equal(r->counters->unreachable, 3);
}

/* ---- what was missed ---- */

static int log_memory;
static char logged_text[4096];

static void log_catch(void)
{
	char path[64];
	log_memory = memfd_create("log", 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", log_memory);
	assert_true(log_open(path));
	log_threshold = LOG_INFO;
}

/* What the log has said of misses since; "": nothing. */
static const char *told(void)
{
	ssize_t n = pread(log_memory, logged_text, sizeof logged_text - 1, 0);
	logged_text[n] = '\0';
	assert_int_equal(ftruncate(log_memory, 0), 0);
	char *said = strstr(logged_text, "no match ");
	return said ? said : (said = strstr(logged_text, "no strike ")) ? said : "";
}

static void deaf(void)
{
	log_open("-");
	close(log_memory);
}

static void nearest_miss(void **state)
{
	log_catch();
	with(ADD("mine", fake_says), "match", "^QUERY UPDATE");
	start(1);
	ask("QUERY", "SELECT 1");
	ask("QUERY", "update t set a = 'secret' where id = 17");
	ask("LOGIN", NULL);
	assert_string_equal(told(), "");
	plan_unref(plan);
	plan = NULL;
	assert_string_equal(
		told(),
		"no match proxy=proxy rule=mine behavior=fake_says: 3 messages, none of which its "
		"match finds; "
		"nearest (but for upper and lower case): QUERY update t set a = '?' where id = "
		"?\n");
	start(1);
	ask("QUERY", "SELECT 1");
	ask("PING", NULL);
	plan_unref(plan);
	plan = NULL;
	assert_string_equal(
		told(),
		"no match proxy=proxy rule=mine behavior=fake_says: 2 messages, none of which its "
		"match finds; "
		"nearest: PING\n");
	start(1);                       /* no traffic, nothing to say */
	plan_unref(plan);
	plan = NULL;
	assert_string_equal(told(), "");
	deaf();
}

/* Ten seconds of traffic will do, wherever they begin; and once. */
static void miss_in_time(void **state)
{
	log_catch();
	with(ADD("mine", fake_says), "match", "^QUERY UPDATE");
	start(1);
	for (int i = 0; i < 40; i++) {
		q.now = 100 * VN_S + i * VN_S / 2;
		ask("PING", NULL);
		bool said = *told();
		assert_int_equal(said, i == 21);
	}
	plan_unref(plan);
	plan = NULL;
	assert_string_equal(told(), "");
	deaf();
}

/* A match that finds something is right, though its rule struck nothing yet. */
static void found_is_no_miss(void **state)
{
	log_catch();
	odds(with(ADD("mine", fake_says), "match", "^QUERY UPDATE"), 0, 0);
	start(1);
	ask("QUERY", "SELECT 1");
	ask("QUERY", "UPDATE 1");
	q.now += 60 * VN_S;
	ask("QUERY", "SELECT 1");
	start(1);
	assert_string_equal(told(), "");
	spec->rules[0].counters->seen = 1; /* another thread's plan */
	ask("QUERY", "SELECT 1");
	start(1);
	assert_string_equal(told(), "");
	deaf();
}

static void masked(void **state)
{
	static const struct { const char *subject, *shown;
	} cases[] = {
		{ "SELECT 1, 23.5, 0x4f, t1", "SELECT ?, ?.?, ?x?f, t?" },
		{ "a = 'b' AND c = \"d\"", "a = '?' AND c = \"?\"" },
		{ "a = '' AND b = 'it''s 5'", "a = '' AND b = '?''?'" },
		{ "`name` = 'open", "`name` = '?" },
		{ "'a\\'secret' x", "'?" },
		{ "'a\\', 'secret'", "'?" },
		{ "$$secret$$", "$?" },
		{ "$a$ secret $a$", "$?" },
		{ "$1 = 'a'", "$? = '?'" },
		{ "a\nb\tc\xc3\xa4", "a b c  " },
		{ "'\"secret'", "'?'" },
		{ "'\xff\x01'", "'?'" },
	};
	log_catch();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char line[200];
		if (!i)
			with(ADD("mine", fake_says), "match", "^NOTHING");
		start(1);
		ask("QUERY", cases[i].subject);
		start(1);
		snprintf(line, sizeof line, "nearest: QUERY %s\n", cases[i].shown);
		if (!strstr(told(), line))
			fail_msg("%s: %s", cases[i].subject, logged_text);
	}
	char *longer = malloc(20000);
	memset(longer, 'a', 20000);
	longer[19999] = '\0';
	ask("QUERY", longer);
	start(1);
	const char *shown = strstr(told(), "nearest: ") + strlen("nearest: ");
	assert_int_equal(strlen(shown), 80 + 1);
	free(longer);
	deaf();
}

/* ---- who is asked ---- */

static void moments_and_directions(void **state)
{
	ADD("back", fake_says_back, .hold = 1);
	ADD("once", fake_says_once, .hold = 1);
	start(1);
	assert_int_equal(plan_on(plan, VN_ON_REQUEST), 3);
	assert_int_equal(plan_on(plan, VN_ON_RESPONSE | VN_ON_DATA), 1);
	assert_int_equal(plan_on(plan, VN_ON_OPEN | VN_ON_REST), 0);
	assert_true(next());
	assert_int_equal(j.by[0].rule, 102);
	assert_true(judge(VN_ON_RESPONSE, VN_RESPONSE));
	assert_int_equal(j.by[0].rule, 101);
	assert_true(judge(VN_ON_DATA, VN_RESPONSE));
	assert_false(judge(VN_ON_DATA, VN_REQUEST));
	assert_false(judge(VN_ON_END, VN_RESPONSE));
	assert_false(judge(VN_ON_OPEN, VN_REQUEST));
}

/* Each rule by its own stand: an exchange's or the whole connection's. */
static void who_is_in(void **state)
{
	ADD("a", fake_says, .hold = 1);
	ADD("b", fake_says, .hold = 10)->per_connection = true;
	ADD("c", fake_says, .hold = 100);
	start(1);
	assert_int_equal(plan->per_connection, 2);
	flags.in = 4 | 2;
	whole.in = 1;
	assert_true(judge(VN_ON_REQUEST, VN_REQUEST));
	/* not b: the whole connection's matter; not a: the exchange's */
	assert_int_equal(j.v.hold, 100);
	whole.in = 2 | 1;
	assert_true(judge(VN_ON_REQUEST, VN_REQUEST));
	assert_int_equal(j.v.hold, 110);
	q.flags = NULL;                         /* the connection's own moments */
	assert_true(judge(VN_ON_OPEN, VN_REQUEST));
	assert_int_equal(j.v.hold, 11);
	whole.in = 0;
	assert_false(judge(VN_ON_OPEN, VN_REQUEST));
}

static void what_is_told(void **state)
{
	uint8_t bytes[] = "bytes";
	ADD("tell", fake_says, .hold = 1)->since = 2 * VN_S;
	start(1);
	q.connection = 7;
	q.data = bytes;
	q.len = 5;
	assert_true(next());
	assert_true(heard.moment == VN_ON_REQUEST && heard.direction == VN_REQUEST &&
	            heard.msg == &msg && heard.words);
	assert_true(heard.connection == 7 && heard.exchange == 1 && heard.age == 3 * VN_S);
	assert_true(heard.data == bytes && heard.len == 5 && heard.passed == 0);
	assert_ptr_equal(heard.opts, spec->rules[0].values.opts);
	uint64_t first = drawn;
	assert_true(judge(VN_ON_RESPONSE, VN_RESPONSE));
	assert_int_not_equal(drawn, first);
	assert_true(judge(VN_ON_REQUEST, VN_REQUEST));
	assert_int_equal(drawn, first);
}

/* Draws on data go by the byte, whichever exchange it belongs to. */
static void dice_on_data(void **state)
{
	ADD("data", fake_says, .hold = 1);
	start(1);
	flags.in = 1;
	q.offset = 500;
	judge(VN_ON_DATA, VN_RESPONSE);
	uint64_t first = drawn;
	q.exchange = 9;
	judge(VN_ON_DATA, VN_RESPONSE);
	assert_int_equal(drawn, first);
	judge(VN_ON_DATA, VN_REQUEST);
	assert_int_not_equal(drawn, first);
	q.offset = 501;
	judge(VN_ON_DATA, VN_RESPONSE);
	assert_int_not_equal(drawn, first);
}

static void states(void **state)
{
	struct rule_state *one[3] = { NULL }, *two[3] = { NULL };
	ADD("a", fake_counts);
	ADD("b", fake_counts);
	ADD("none", fake_says_once);
	start(1);
	q.states = one;
	for (int i = 1; i <= 3; i++) {
		next();
		assert_int_equal(j.v.hold, 2 * i);
	}
	assert_null(one[2]);
	q.states = two;
	next();
	assert_int_equal(j.v.hold, 2);
	for (int i = 0; i < 3; i++) {
		free(one[i]);
		free(two[i]);
	}
}

static void passed(void **state)
{
	struct rule_state *mine[1] = { NULL };
	ADD("data", fake_says, .hold = 1);
	start(1);
	flags.in = 1;
	q.states = mine;
	judge(VN_ON_DATA, VN_REQUEST);
	mine[0]->passed[0] = 30;
	mine[0]->passed[1] = 400;
	judge(VN_ON_DATA, VN_REQUEST);
	assert_int_equal(heard.passed, 30);
	judge(VN_ON_DATA, VN_RESPONSE);
	assert_int_equal(heard.passed, 400);
	free(mine[0]);
}

/* ---- counting ---- */

static void picks(void **state)
{
	static const struct { uint64_t skip, every, times; const char *struck;
	} cases[] = {
		{ 0, 1, UINT64_MAX, "xxxxxxxxxxxx" }, { 3, 1, UINT64_MAX, "...xxxxxxxxx" },
		{ 0, 1, 2, "xx.........." },          { 2, 1, 3, "..xxx......." },
		{ 0, 3, UINT64_MAX, "x..x..x..x.." }, { 1, 4, 2, ".x...x......" },
		{ 0, 1, 0, "............" },          { UINT64_MAX, 1, 1, "............" },
		{ 0, 0, 1, "x..........." },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rule_spec *r = ADD("count", fake_says, .hold = 1);
		uint64_t hits = 0;
		r->skip = cases[i].skip;
		r->times = cases[i].times;
		r->every = cases[i].every;
		start(1);
		for (const char *c = cases[i].struck; *c; c++) {
			hits += *c == 'x';
			if (next() != (*c == 'x'))
				fail_msg("case %zu: exchange %td", i, c - cases[i].struck);
		}
		assert_int_equal(r->counters->seen, 12);
		assert_int_equal(r->counters->count, 12);
		assert_int_equal(r->counters->hits, hits);
		tear_down(NULL);
		set_up(NULL);
	}
}

/* An exchange is counted where it is first struck, and fares the same from then on. */
static void counted_once(void **state)
{
	struct rule_spec *r = ADD("count", fake_says, .hold = 1);
	r->times = 1;
	start(1);
	assert_true(next());
	assert_true(judge(VN_ON_RESPONSE, VN_RESPONSE));
	assert_true(judge(VN_ON_DATA, VN_RESPONSE));
	q.moment = VN_ON_REQUEST;
	assert_false(next());
	assert_false(judge(VN_ON_RESPONSE, VN_RESPONSE));
	assert_int_equal(r->counters->count, 2);
	assert_int_equal(r->counters->hits, 1);
}

static void calm_is_not_counted(void **state)
{
	struct rule_spec *r = ADD("calm", fake_says);
	r->times = 1;
	start(1);
	assert_false(next());
	((struct vn_verdict *)r->values.opts)->hold = 1;
	assert_true(next());
	assert_int_equal(r->counters->seen, 2);
	assert_int_equal(r->counters->count, 1);
}

/* Of a connection there is one count, however many exchanges it has. */
static void per_connection(void **state)
{
	struct rule_spec *r = ADD("conn", fake_says, .hold = 1);
	r->per_connection = true;
	r->skip = 1;
	r->times = 2;
	start(1);
	for (q.connection = 1; q.connection <= 5; q.connection++) {
		whole = (struct rule_flags){ .in = decide_at(plan, plan->per_connection,
			                                     q.connection, 0, 0) };
		for (int i = 0; i < 4; i++)
			assert_int_equal(next(), q.connection == 2 || q.connection == 3);
	}
	assert_int_equal(r->counters->seen, 5);
	assert_int_equal(r->counters->count, 5);
	assert_int_equal(r->counters->hits, 2);
}

static void *strike_many(void *arg)
{
	struct plan *mine = plan_make(spec, 1);
	struct question mq = q;
	struct judgement mj;
	for (mq.exchange = 1; mq.exchange <= 20000; mq.exchange++) {
		struct rule_flags s = { .in = 1 }, w = { 0 };
		mq.flags = &s;
		mq.whole = &w;
		plan_judge(mine, &mq, &mj);
	}
	plan_unref(mine);
	return NULL;
}

/* Several workers count as one. */
static void exact_between_threads(void **state)
{
	struct rule_spec *r = ADD("count", fake_refuses);
	pthread_t threads[3];
	r->skip = 777;
	r->every = 7;
	r->times = 1234;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, strike_many, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(r->counters->count, 60000);
	assert_int_equal(r->counters->hits, 1234);
}

/* ---- verdicts ---- */

/* What a guest returns is not trusted. */
static void clamped(void **state)
{
	struct rule_spec *r =
		ADD("wild", fake_says, .fate = 99, .end = 99, .hold = -5, .after = -5);
	struct vn_verdict *v = r->values.opts;
	start(1);
	assert_false(next());
	*v = CALM(.end = VN_CLOSE, .after = -5, .pace = { .gap = 7, .vary = SIZE_MAX },
	          .dirt = { SIZE_MAX, SIZE_MAX, UINT32_MAX });
	assert_true(next());
	assert_int_equal(j.v.after, 0);
	assert_true(j.v.pace.gap == 7 && j.v.pace.piece > 0 && j.v.pace.vary < j.v.pace.piece);
	assert_in_range(j.v.dirt.junk, 1, 1 << 20);
	assert_in_range(j.v.dirt.flips, 1, 1 << 20);
}

static void judged_together(void **state)
{
	ADD("a", fake_says, .hold = 5, .end = VN_CLOSE, .after = 9);
	ADD("b", fake_says);
	ADD("c", fake_says, .pace.rate = 100, .end = VN_CLOSE, .after = 4);
	ADD("d", fake_says, .fate = VN_DROP);
	ADD("e", fake_says, .hold = VN_NEVER, .end = VN_STALL);
	start(1);
	memset(&j, 0xee, sizeof j);
	assert_true(next());
	assert_true(j.v.fate == VN_DROP && j.v.hold == VN_NEVER && j.v.pace.rate == 100 &&
	            j.v.keep == VN_ALL);
	assert_true(j.v.end == VN_STALL && j.end_rule == 105);
	assert_int_equal(j.n_clocks, 2);                /* ends by the clock are each rule's own */
	assert_true(j.clocks[0].rule == 0 && j.clocks[0].end == VN_CLOSE &&
	            j.clocks[0].after == 9 && !j.clocks[0].anew);
	assert_true(j.clocks[1].rule == 2 && j.clocks[1].after == 4);
	assert_null(j.failure);
	assert_int_equal(j.n, 3);
	assert_true(j.by[0].rule == 101 && j.by[0].hold == 5);
	assert_true(j.by[1].rule == 103 && j.by[1].pace.rate == 100);
	assert_true(j.by[2].rule == 105 && j.by[2].hold == VN_NEVER);
}

static void calm_leaves_untouched(void **state)
{
	struct judgement before;
	ADD("calm", fake_says);
	start(1);
	memset(&j, 0xee, sizeof j);
	memset(&before, 0xee, sizeof before);
	assert_false(next());
	assert_int_equal(asked, 1);
	assert_memory_equal(&j, &before, sizeof j);
}

/* ---- words ---- */

/* Once for each exchange of a raw connection, at whatever moments it is asked; none of it
 * counts. */
static void unreachable(void **state)
{
	struct rule_spec *r = ADD("words", fake_says, .fate = VN_REPLY, .failure = "no");
	start(1);
	q.raw = true;
	for (uint64_t i = 1; i <= 3; i++) {
		q.moment = VN_ON_REQUEST;
		assert_false(next());
		assert_false(judge(VN_ON_RESPONSE, VN_RESPONSE));
		assert_false(judge(VN_ON_DATA, VN_RESPONSE));
		assert_int_equal(r->counters->unreachable, i);
	}
	assert_int_equal(r->counters->count, 0);
	assert_int_equal(r->counters->hits, 0);
	q.raw = false;
	q.moment = VN_ON_REQUEST;
	assert_true(next());
	/* a failure that does not fit is not out of reach either */
	msg.is = VN_IS_LOGIN;
	assert_false(next());
	assert_int_equal(r->counters->unreachable, 3);
	assert_int_equal(r->counters->hits, 1);
}

/* Its answer could not be edited: the next exchange is struck in its place. */
static void unedited(void **state)
{
	struct rule_spec *r = ADD("words", fake_says, .fate = VN_REPLY, .failure = "no");
	r->times = 1;
	start(1);
	assert_true(next());
	assert_int_equal(r->counters->hits, 1);
	plan_unedited(plan, j.failure_rule, &q, "it is too long");
	assert_int_equal(r->counters->hits, 0);
	assert_int_equal(r->counters->unreachable, 1);
	assert_int_equal(flags.struck, 0);
	assert_false(judge(VN_ON_RESPONSE, VN_RESPONSE));       /* nor is it struck later */
	plan_unedited(plan, 9999, &q, NULL);                    /* the rule is gone */
	assert_int_equal(r->counters->unreachable, 1);
	q.moment = VN_ON_REQUEST;
	assert_true(next());
	assert_false(next());
	assert_int_equal(r->counters->hits, 1);
}

static void unreachable_per_connection(void **state)
{
	struct rule_spec *r = ADD("words", fake_says, .fate = VN_REPLY);
	r->per_connection = true;
	start(1);
	whole.in = 1;
	q.raw = true;
	for (int i = 0; i < 3; i++)
		assert_false(next());
	assert_int_equal(r->counters->unreachable, 1);
}

/* Where the protocol has no words, junk is put into the answer: nothing is out of reach. */
static void wordless(void **state)
{
	struct rule_spec *r = ADD("words", fake_refuses, .failure = "no");
	start(1);
	q.words = false;
	assert_false(next());
	assert_true(judge(VN_ON_RESPONSE, VN_RESPONSE));
	assert_true(j.v.dirt.junk > 0 && j.v.fate == VN_PASS);
	assert_int_equal(r->counters->unreachable, 0);
	assert_int_equal(r->counters->hits, 1);
}

static void named_failure(void **state)
{
	struct rule_spec *r = ADD("words", fake_says, .fate = VN_REPLY, .failure = "locked");
	start(1);
	assert_false(next());           /* fits reads and writes only */
	msg.is = VN_IS_COMMAND | VN_IS_READ;
	assert_true(next());
	assert_string_equal(j.failure->name, "locked");
	assert_true(j.v.fate == VN_REPLY && j.v.end == VN_STAY);
	((struct vn_verdict *)r->values.opts)->failure = "unheard_of";
	assert_false(next());
	((struct vn_verdict *)r->values.opts)->failure = "gone";
	assert_true(next());
	/* what the server does behind it */
	assert_true(j.v.end == VN_CLOSE && j.end_rule == 101);
	((struct vn_verdict *)r->values.opts)->end = VN_RESET;
	assert_true(next());
	/* unless the rule knows better */
	assert_int_equal(j.v.end, VN_RESET);
	assert_int_equal(r->counters->seen, 5);
	assert_int_equal(r->counters->count, 3);
	assert_int_equal(r->counters->hits, 3);
	assert_int_equal(r->counters->unreachable, 0);
}

static void failure_moments(void **state)
{
	ADD("words", fake_says, .fate = VN_REPLY, .failure = "gone");
	start(1);
	flags.in = whole.in = 1;
	assert_false(judge(VN_ON_RESPONSE, VN_RESPONSE));
	q.msg = NULL;
	q.flags = NULL;
	q.idle = VN_IS_IN_TRANSACTION;
	/* it must fit what the connection rests in */
	assert_false(judge(VN_ON_REST, VN_RESPONSE));
	q.idle |= VN_IS_COMMAND;
	assert_true(judge(VN_ON_REST, VN_RESPONSE));
	assert_string_equal(j.failure->name, "gone");
	assert_int_equal(j.v.end, VN_CLOSE);
	((struct vn_verdict *)spec->rules[0].values.opts)->failure = "no";
	assert_false(judge(VN_ON_REST, VN_RESPONSE));
}

/* What would be said is asked without being counted, and it knows whom the counts would pick. */
static void rehearsed(void **state)
{
	ADD("words", fake_says, .fate = VN_REPLY, .failure = "gone")->skip = 1;
	start(1);
	flags.in = whole.in = 1;
	q.rehearsal = true;
	assert_false(next());
	assert_int_equal(spec->rules[0].counters->count, 0);
	q.rehearsal = false;
	assert_false(next());
	q.rehearsal = true;
	assert_true(next());
	assert_int_equal(spec->rules[0].counters->count, 1);
	assert_int_equal(spec->rules[0].counters->hits, 0);
	q.rehearsal = false;
	assert_true(next());
	assert_int_equal(spec->rules[0].counters->hits, 1);
}

/* What the protocol finds unfit is not struck: it is not counted, nor is it drawn. */
static void unfit_after_all(void **state)
{
	struct rule_spec *named = ADD("named", fake_says, .fate = VN_REPLY, .failure = "no"),
			 *any = ADD("drawn", fake_says, .fate = VN_REPLY);
	named->skip = 1;
	start(1);
	msg.is = VN_IS_COMMAND | VN_IS_READ;
	msg.note = ODD;
	for (int i = 0; i < 20; i++) {
		assert_true(next());
		assert_string_equal(j.failure->name, "locked");
	}
	assert_true(named->counters->count == 0 && named->counters->hits == 0 &&
	            any->counters->hits == 20);
	msg.note = 0;
	next();
	assert_int_equal(named->counters->hits, 0);
	next();
	assert_true(named->counters->count == 2 && named->counters->hits == 1);
}

/* A failure that answers nothing of what is asked says so; one that strikes once is right. */
static void unfit(void **state)
{
	log_catch();
	ADD("mine", fake_says, .fate = VN_REPLY, .failure = "read_only");
	start(1);
	msg = (struct vn_message){ .role = VN_ASKS,
		                   .is = VN_IS_COMMAND | VN_IS_READ,
		                   .verb = "QUERY",
		                   .subject = { (const uint8_t *)"SELECT 17", 9 } };
	next();
	strcpy(msg.verb, "PING");
	next();
	assert_string_equal(told(), "");
	plan_unref(plan);
	plan = NULL;
	assert_string_equal(
		told(),
		"no strike proxy=proxy rule=mine behavior=fake_says: 2 messages, none of which "
		"its failure fits; "
		"nearest: QUERY SELECT ?\n");
	start(1);
	next();
	msg.is = VN_IS_WRITE;
	assert_true(next());
	plan_unref(plan);
	plan = NULL;
	assert_string_equal(told(), "");
	deaf();
}

/* None named: of those that fit and leave the connection usable, each in its turn. */
static void drawn_failure(void **state)
{
	static const struct { unsigned is; unsigned expected;
	} cases[] = {
		{ VN_IS_COMMAND, 1 },
		{ VN_IS_COMMAND | VN_IS_READ, 1 | 2 },
		{ VN_IS_COMMAND | VN_IS_WRITE, 1 | 2 | 4 },
		{ VN_IS_LOGIN, 16 },
		{ VN_IS_OPENING, 0 },
	};
	ADD("words", fake_says, .fate = VN_REPLY);
	start(1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned met[5] = { 0 }, set = 0, all = 0;
		msg.is = cases[i].is;
		for (int x = 0; x < 600; x++)
			if (next())
				met[j.failure - failures]++;
		for (unsigned f = 0; f < 5; f++)
			set |= (met[f] > 0) << f;
		assert_int_equal(set, cases[i].expected);
		for (unsigned f = 0; f < 5; f++)
			all += met[f];
		assert_int_equal(all, set ? 600 : 0);
		for (unsigned f = 0; f < 5; f++)
			assert_true(!met[f] || met[f] > 150);
	}
	q.msg = NULL;
	q.flags = NULL;
	whole.in = 1;
	assert_false(judge(VN_ON_REST, VN_RESPONSE));         /* the one for rest closes */
}

/* Two refuse: the first one's words, and the worst end of both. */
static void refused_twice(void **state)
{
	ADD("a", fake_says, .fate = VN_REPLY, .failure = "unheard_of");
	ADD("b", fake_says, .fate = VN_REPLY, .failure = "no");
	ADD("c", fake_says, .fate = VN_REPLY, .failure = "gone");
	start(1);
	assert_true(next());
	assert_string_equal(j.failure->name, "no");
	assert_int_equal(j.v.end, VN_CLOSE);
	assert_int_equal(j.end_rule, 103);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(weights_whole),
	EACH(weights_partly),
	EACH(names_apart),
	EACH(certain_and_never),
	EACH(same_fate),
	EACH(full_of_rules),
	EACH(match_on_verb_and_subject),
	EACH(match_on_a_long_subject),
	EACH(match_then_dice),
	EACH(match_then_counts),
	EACH(clients),
	EACH(match_on_raw),
	EACH(nearest_miss),
	EACH(miss_in_time),
	EACH(found_is_no_miss),
	EACH(masked),
	EACH(moments_and_directions),
	EACH(who_is_in),
	EACH(what_is_told),
	EACH(dice_on_data),
	EACH(states),
	EACH(passed),
	EACH(picks),
	EACH(counted_once),
	EACH(calm_is_not_counted),
	EACH(per_connection),
	EACH(exact_between_threads),
	EACH(clamped),
	EACH(judged_together),
	EACH(calm_leaves_untouched),
	EACH(unreachable),
	EACH(unedited),
	EACH(unreachable_per_connection),
	EACH(wordless),
	EACH(named_failure),
	EACH(failure_moments),
	EACH(rehearsed),
	EACH(unfit_after_all),
	EACH(unfit),
	EACH(drawn_failure),
	EACH(refused_twice),
};

SUITE(plan, tests)
