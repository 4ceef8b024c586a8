/* spec.c - tests of proxies in words: weights, requests' options, failures, copies. */
#include "spec/spec.h"

#include <stdlib.h>
#include <string.h>

#include "spec/registry.h"
#include "unit.h"

struct late_opts { vn_nsec sleep; bool before; };
struct refuse_opts { const char *failure; };

static const struct vn_opt late_table[] = {
	{ .name = "sleep",
	  .type = VN_OPT_TIME,
	  .offset = offsetof(struct late_opts, sleep),
	  .def = "1",
	  .unit = VN_S,
	  .help = "h" },
	{ .name = "before",
	  .type = VN_OPT_BOOL,
	  .offset = offsetof(struct late_opts, before),
	  .def = "true",
	  .help = "h" },
	{ .name = NULL },
};

static const struct vn_opt refuse_table[] = {
	{ .name = "failure",
	  .type = VN_OPT_FAILURE,
	  .offset = offsetof(struct refuse_opts, failure),
	  .help = "h" },
	{ .name = "warmup", .type = VN_OPT_INT, .rule = VN_OPT_SKIP, .help = "h" },
	{ .name = NULL },
};

static const struct vn_failure told_failures[] = {
	{ .name = "deadlock",
	  .code = "1",
	  .text = "t",
	  .fits = VN_IS_COMMAND,
	  .moments = VN_ON_REQUEST },
	{ .name = "server_gone",
	  .code = "2",
	  .text = "t",
	  .fits = VN_IS_COMMAND,
	  .moments = VN_ON_REQUEST },
	{ .name = NULL },
};

static int told_refuse(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                       struct vn_buffer *o)
{
	return 0;
}

static void told_word(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                      struct vn_buffer *o)
{
}

VN_BEHAVIOR(fake_late, .help = "Late", .options = late_table, .opts_size = sizeof(struct late_opts))
VN_BEHAVIOR(fake_refuse, .help = "Refuses", .options = refuse_table,
            .opts_size = sizeof(struct refuse_opts))
VN_BEHAVIOR(fake_plain, .help = "Has no options")
VN_PROTOCOL(fake_told, .help = "Has words", .failures = told_failures, .refuse = told_refuse,
            .word = told_word)
VN_PROTOCOL(fake_mute, .help = "Has none")

static struct spec *base;
static const char *culprit;
static char error[ERROR_MAX];

static int set_up(void **state)
{
	base = spec_make("default");
	base->protocol = &protocol_fake_told;
	address_parse(&base->listen, "localhost:8000", error, sizeof error);
	address_parse(&base->backend, "localhost:80", error, sizeof error);
	return 0;
}

static int tear_down(void **state)
{
	spec_unref(base);
	return 0;
}

/* What base becomes when a request says so; `body` is JSON, or NULL. */
static struct spec *become(const char *text, const char *body)
{
	json_t *object = body ? json_loads(body, 0, NULL) : NULL;
	assert_true(!body || object);
	culprit = NULL;
	error[0] = '\0';
	struct spec *s = spec_with_behavior(NULL, base, text, object, &culprit, error);
	json_decref(object);
	return s;
}

static void same_json(const struct spec *s, const char *want)
{
	json_t *object = spec_behavior_json(s);
	char *text = json_dumps(object, 0);
	assert_string_equal(text, want);
	free(text);
	json_decref(object);
}

static void dummy(void **state)
{
	static const char *const texts[] = { "dummy", "100:dummy", "20:dummy", " dummy ",
		                             "20:dummy,80:dummy" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct spec *s = become(texts[i], "{\"name\": \"dummy\"}");
		assert_non_null(s);
		assert_int_equal(s->n_rules, 0);
		same_json(s, "{\"behavior\": \"dummy\"}");
		spec_unref(s);
	}
}

static void one(void **state)
{
	struct spec *s = become("fake_late", "{\"name\": \"fake_late\", \"sleep\": 0.5}");
	assert_non_null(s);
	assert_int_equal(s->n_rules, 1);
	assert_string_equal(s->behavior, "fake_late");
	assert_string_equal(s->rules[0].name, "behavior");
	assert_true(s->rules[0].low == 0 && s->rules[0].high == 1);
	assert_int_equal(s->rules[0].every, 1);
	assert_false(s->rules[0].per_connection);
	assert_true(s->rules[0].id > 0 && s->rules[0].since > 0);
	same_json(s,
	          "{\"behavior\": \"fake_late\", \"options\": {\"sleep\": 0.5, \"before\": true}, "
	          "\"seen\": 0, \"hits\": 0, \"unreachable\": 0}");
	spec_unref(s);

	s = become("100:fake_plain", NULL);
	same_json(s,
	          "{\"behavior\": \"fake_plain\", \"seen\": 0, \"hits\": 0, \"unreachable\": 0}");
	spec_unref(s);
}

static void weights(void **state)
{
	struct spec *s = become(" 20:fake_late, 10 : fake_refuse ,5:dummy,30:fake_late", NULL);
	assert_non_null(s);
	assert_int_equal(s->n_rules, 2);
	assert_ptr_equal(s->rules[0].behavior, &behavior_fake_late);
	assert_true(s->rules[0].low == 0 && s->rules[0].high == 0.5);
	assert_true(s->rules[1].low == 0.5 && s->rules[1].high == 0.6);
	assert_true(s->rules[0].id != s->rules[1].id);
	assert_string_equal(s->behavior, " 20:fake_late, 10 : fake_refuse ,5:dummy,30:fake_late");
	spec_unref(s);

	s = become("60:fake_late,40:fake_late", NULL);
	assert_string_equal(s->behavior, "fake_late");
	spec_unref(s);
}

static void weights_refused(void **state)
{
	static const char form[] = "You need to use percentage:name";
	static const char total[] = "The behavior total needs to be 100 or less";
	static const struct { const char *text, *error;
	} bad[] = {
		{ "nope", "the 'nope' behavior does not exist" },
		{ "", "the '' behavior does not exist" },
		{ "50:nope", "the 'nope' behavior does not exist" },
		{ "50:", "the '' behavior does not exist" },
		{ "fake_late,fake_refuse", form },
		{ "50:fake_late,", form },
		{ ",", form },
		{ "5:6:fake_late", form },
		{ "60:fake_late,41:fake_refuse", total },
		{ "60:dummy,41:fake_late", total },
		{ "101:fake_late", total },
		{ "99999999999999999999:fake_late", total },
		{ "60:fake_late,60:fake_late", total },
		{ "-1:fake_late", "percentage: expected a whole number from 0 to 100, got '-1'" },
		{ "x:fake_late", "percentage: expected a whole number from 0 to 100, got 'x'" },
		{ "1.5:fake_late", "percentage: expected a whole number from 0 to 100, got '1.5'" },
		{ ":fake_late", "percentage: expected a whole number from 0 to 100, got ''" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_null(become(bad[i].text, NULL));
		assert_string_equal(error, bad[i].error);
		assert_string_equal(culprit, "name");
	}
	char many[4000] = "1:fake_late";
	while (strlen(many) + 20 < sizeof many)
		strcat(many, ",100:fake_late");
	assert_null(become(many, NULL));
	assert_string_equal(error, total);
}

static void put_back(void **state)
{
	static const struct { const char *text, *body;
	} cases[] = {
		{ "fake_late", "{\"sleep\": \"250ms\", \"before\": false}" },
		{ "80:fake_late,20:fake_refuse",
		  "{\"options\": {\"fake_late\": {\"sleep\": 3}, \"fake_refuse\": {\"warmup\": "
		  "2}}}" },
		{ "20:fake_late", "{\"sleep\": 4}" },
		{ "0:fake_late", NULL },
		{ "50:fake_plain", NULL },
		{ "dummy", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct spec *s = become(cases[i].text, cases[i].body), *t;
		assert_non_null(s);
		json_t *first = spec_behavior_json(s), *second;
		t = spec_with_behavior(NULL, base,
		                       json_string_value(json_object_get(first, "behavior")), first,
		                       &culprit, error);
		if (!t)
			fail_msg("%s: %s", cases[i].text, error);
		second = spec_behavior_json(t);
		assert_true(json_equal(first, second));
		json_decref(first);
		json_decref(second);
		spec_unref(s);
		spec_unref(t);
	}
}

static void options_refused(void **state)
{
	static const struct { const char *text, *body, *culprit, *error;
	} bad[] = {
		{ "fake_late", "{\"sleeep\": 2}", "sleeep",
		  "sleeep: fake_late has no such option; expected one of sleep, before, match, "
		  "kind, client, connections, direction, probability, per, share, skip, "
		  "times, every, ttl, enabled; did you "
		  "mean 'sleep'?" },
		{ "fake_late", "{\"sleep\": \"abc\"}", "sleep",
		  "sleep: expected a number of seconds >= 0, got 'abc'" },
		{ "fake_late", "{\"options\": {\"sleep\": -1}}", "sleep",
		  "sleep: expected a number of seconds >= 0, got -1" },
		{ "fake_late", "{\"options\": 3}", "options", "options: expected an object" },
		{ "fake_plain", "{\"x\": 1}", "x",
		  "x: fake_plain has no such option; expected one of match, kind, client, "
		  "connections, direction, probability, per, share, skip, times, every, ttl, "
		  "enabled" },
		{ "dummy", "{\"sleep\": 1}", "sleep", "sleep: dummy has no options" },
		{ "50:fake_late,50:fake_refuse", "{\"sleep\": 1}", "sleep",
		  "sleep: with weights, expected an object of options by the name of a behavior" },
		{ "50:fake_late,50:fake_refuse", "{\"fake_late\": {\"sleep\": []}}", "sleep",
		  "sleep: expected a number of seconds >= 0, got an array" },
		{ "fake_refuse", "{\"failure\": \"x\"}", "failure",
		  "failure: 'x' is not a failure of fake_told; expected one of deadlock, "
		  "server_gone" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_null(become(bad[i].text, bad[i].body));
		assert_string_equal(error, bad[i].error);
		assert_string_equal(culprit, bad[i].culprit);
	}
	base->protocol = &protocol_fake_mute;
	assert_null(become("fake_refuse", "{\"failure\": \"deadlock\"}"));
	assert_string_equal(error,
	                    "failure: fake_mute has no failures; give the proxy another protocol");
	struct spec *s = become("fake_refuse", "{\"failure\": null}");
	assert_non_null(s);
	spec_unref(s);
}

static void others_stay(void **state)
{
	struct spec *s = become("fake_late", NULL), *t, *u;
	struct rule_counters *counters = s->rules[0].counters;
	uint64_t id = s->rules[0].id;

	free(s->rules[0].name);
	s->rules[0].name = strdup("other");
	counters->hits = 3;
	t = spec_with_behavior(NULL, s, "50:fake_refuse", NULL, &culprit, error);
	assert_int_equal(t->n_rules, 2);
	assert_int_equal(t->rules[0].id, id);
	assert_ptr_equal(t->rules[0].counters, counters);
	assert_int_equal(counters->refs, 2);
	spec_unref(s);
	assert_int_equal(counters->refs, 1);
	u = spec_with_behavior(NULL, t, "dummy", NULL, &culprit, error);
	assert_int_equal(u->n_rules, 1);
	assert_string_equal(u->rules[0].name, "other");
	assert_int_equal(u->rules[0].counters->hits, 3);
	same_json(u, "{\"behavior\": \"dummy\"}");
	spec_unref(t);
	spec_unref(u);
}

static void backend(void **state)
{
	struct spec *s = become("fake_late", NULL);
	vn_backend_note_set(s->backend_note, 7);
	vn_backend_note_name_set(s->backend_note, (struct vn_span){ (const uint8_t *)"mail", 4 });
	vn_backend_note_name_set(s->backend_note, (struct vn_span){ (const uint8_t *)"other", 5 });
	struct spec *same = spec_with_enabled(s, false);
	assert_int_equal(vn_backend_note_get(same->backend_note), 7);
	assert_string_equal(vn_backend_note_name(same->backend_note), "mail");
	spec_unref(same);
	struct spec *t = spec_with_backend(s, "[::1]:3306", error);
	/* another backend: nothing is known of it */
	assert_int_equal(vn_backend_note_get(t->backend_note), 0);
	assert_null(vn_backend_note_name(t->backend_note));
	assert_string_equal(t->backend.text, "[::1]:3306");
	assert_string_equal(t->listen.text, "localhost:8000");
	assert_string_equal(t->behavior, "fake_late");
	assert_int_equal(t->n_rules, 1);
	assert_ptr_equal(t->rules[0].counters, s->rules[0].counters);
	assert_null(spec_with_backend(t, "nocolon", error));
	assert_string_equal(error, "backend: expected HOST:PORT or :PORT, got 'nocolon'");
	assert_null(spec_with_backend(t, "host:0", error));
	spec_unref(s);
	spec_unref(spec_ref(t));
	spec_unref(t);
}

/* With other options it is the same rule, in what it has met; all that it holds hangs on its id. */
static void rule_changed(void **state)
{
	struct spec *s = spec_with_rule(
		NULL, base, "fake_late name=mine probability=0.5 client=10.0.0.0/8", error);
	json_t *options = json_pack("{s:i, s:f, s:n}", "sleep", 3, "probability", 0.8, "client");
	assert_non_null(s);
	s->rules[0].counters->count = 7;
	struct spec *t = spec_with_rule_changed(s, "mine", options, &culprit, error);
	assert_non_null(t);
	const struct rule_spec *was = &s->rules[0], *is = &t->rules[0];
	assert_true(is->id != was->id && is->origin == was->origin &&
	            is->counters == was->counters && is->counters->count == 7);
	assert_int_equal(((struct late_opts *)is->values.opts)->sleep, 3 * VN_S);
	assert_true(is->high == 0.8 && was->high == 0.5 && !is->client.family &&
	            was->client.family);
	json_decref(options);
	options = json_pack("{s:i, s:i}", "sleep", 4, "probability", 2);
	assert_null(spec_with_rule_changed(t, "mine", options, &culprit, error));
	assert_string_equal(error, "probability: expected a number from 0 to 1, got 2");
	assert_string_equal(culprit, "probability");
	assert_int_equal(((struct late_opts *)is->values.opts)->sleep, 3 * VN_S);
	json_decref(options);
	spec_unref(s);
	spec_unref(t);
}

static void no_such_rule_to_change(void **state)
{
	struct spec *s = become("fake_late", NULL);
	assert_null(spec_with_rule_changed(s, "mine", NULL, &culprit, error));
	assert_string_equal(error, "rule: there is none of the name 'mine'");
	assert_null(spec_with_rule_changed(s, "behavior", NULL, &culprit, error));
	assert_string_equal(error, "rule: 'behavior' is changed as a whole, by PUT /behavior");
	assert_string_equal(culprit, "rule");
	spec_unref(s);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(dummy),        EACH(one),
	EACH(weights),      EACH(weights_refused),
	EACH(put_back),     EACH(options_refused),
	EACH(others_stay),  EACH(backend),
	EACH(rule_changed), EACH(no_such_rule_to_change),
};

SUITE(spec, tests)
