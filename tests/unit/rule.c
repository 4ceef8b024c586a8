/* rule.c - tests of rules in words: how they are read, settled, refused and shown, and whom they
 * mean. */
#include "spec/rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "spec/defaults.h"
#include "spec/option_json.h"
#include "spec/registry.h"
#include "spec/rule_check.h"
#include "spec/rule_json.h"
#include "spec/rule_parse.h"
#include "unit.h"

struct tale_opts { vn_nsec sleep; const char *failure, *text; };

#define TALE(name_, type_, ...) \
	{ .name = #name_, \
	  .type = type_, \
	  .offset = offsetof(struct tale_opts, name_), \
	  .help = "h", \
	  __VA_ARGS__ }

static const struct vn_opt tale_table[] = {
	TALE(sleep, VN_OPT_TIME, .def = "1", .unit = VN_S),
	TALE(failure, VN_OPT_FAILURE),
	TALE(text, VN_OPT_TEXT),
	{ .name = "warmup", .type = VN_OPT_INT, .rule = VN_OPT_SKIP, .help = "h" },
	{ .name = "agitate", .type = VN_OPT_INT, .rule = VN_OPT_TIMES, .help = "h" },
	{ .name = NULL },
};

static const struct vn_failure tale_failures[] = {
	{ .name = "deadlock",
	  .code = "1",
	  .text = "t",
	  .fits = VN_IS_COMMAND,
	  .moments = VN_ON_REQUEST },
	/* the protocol's own */
	{ .name = "secret", .code = "2", .text = "t", .fits = VN_IS_COMMAND },
	{ .name = NULL },
};

static struct vn_cut tale_cut(struct vn_session *t, struct vn_span s, struct vn_message *m)
{
	return (struct vn_cut){ .kind = VN_CUT_MORE };
}

static struct vn_cut tale_cut_answer(struct vn_session *t, struct vn_span s,
                                     const struct vn_message *asked, struct vn_message *m)
{
	return (struct vn_cut){ .kind = VN_CUT_MORE };
}

static int tale_refuse(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                       struct vn_buffer *o)
{
	return 0;
}

static void tale_word(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                      struct vn_buffer *o)
{
}

static void tale_act(const struct vn_event *e, struct vn_verdict *v)
{
}

VN_BEHAVIOR(tale, .help = "Tells", .options = tale_table, .opts_size = sizeof(struct tale_opts),
            .on = VN_ON_REQUEST | VN_ON_RESPONSE, .act = tale_act)
VN_BEHAVIOR(tale_asks, .help = "Of requests", .on = VN_ON_REQUEST, .act = tale_act)
VN_BEHAVIOR(tale_answers, .help = "Of responses", .on = VN_ON_RESPONSE, .direction = VN_RESPONSE,
            .act = tale_act)
VN_BEHAVIOR(tale_opens, .help = "At once", .on = VN_ON_OPEN, .act = tale_act)
VN_BEHAVIOR(tale_ends, .help = "At last", .on = VN_ON_END, .act = tale_act)
VN_BEHAVIOR(tale_whole, .help = "Of connections", .on = VN_ON_DATA,
            .traits = VN_TRAIT_WHOLE | VN_TRAIT_LINE, .act = tale_act)
VN_PROTOCOL(tale_told, .help = "Has messages and words", .request = tale_cut,
            .response = tale_cut_answer, .failures = tale_failures, .refuse = tale_refuse,
            .word = tale_word)
VN_PROTOCOL(tale_raw, .help = "Has neither")
VN_BEHAVIOR(tale_locks, .help = "Is made of a failure", .on = VN_ON_REQUEST, .failure = "deadlock",
            .act = tale_act)
VN_BEHAVIOR(tale_keeps, .help = "Is made of one that is the protocol's own affair",
            .on = VN_ON_REQUEST, .failure = "secret", .act = tale_act)

static const struct spec on_tale = { .protocol = &protocol_tale_told };
static struct rule_spec rule;
static char error[ERROR_MAX];

static bool read_on(const struct vn_protocol *p, const char *words)
{
	const struct spec on = { .protocol = p };

	error[0] = '\0';
	return rule_read(&rule, words, &on, NULL, error);
}

static void good(const char *words)
{
	if (!read_on(&protocol_tale_told, words))
		fail_msg("%s: %s", words, error);
}

static void bad_on(const struct vn_protocol *p, const char *words, const char *sentence)
{
	if (read_on(p, words))
		fail_msg("%s: is read", words);
	if (strcmp(error, sentence))
		fail_msg("%s: %s", words, error);
}

static const struct rule_fields *fields(void)
{
	return rule.fields.opts;
}

static const struct tale_opts *own(void)
{
	return rule.values.opts;
}

/* ---- reading ---- */

static void plain(void **state)
{
	good("tale");
	assert_string_equal(rule.name, "tale");
	assert_ptr_equal(rule.behavior, &behavior_tale);
	assert_true(rule.low == 0 && rule.high == 1 && rule.direction == VN_BOTH &&
	            !rule.per_connection);
	assert_true(rule.skip == 0 && rule.times == UINT64_MAX && rule.every == 1 &&
	            rule.until == VN_NEVER);
	assert_int_equal(rule.client.family, 0);
	assert_null(fields()->match);
	assert_int_equal(own()->sleep, VN_S);
	rule_free(&rule);
}

static void all_fields(void **state)
{
	good("  tale  sleep=250ms failure=deadlock match=^QUERY client=10.0.0.0/8 direction=request probability=0.25\t"
	     "skip=2 times=3 every=4 ttl=1m name=mine ");
	assert_string_equal(rule.name, "mine");
	assert_int_equal(own()->sleep, 250 * VN_MS);
	assert_string_equal(own()->failure, "deadlock");
	assert_string_equal(fields()->match, "^QUERY");
	assert_true(rule.low == 0 && rule.high == 0.25);
	assert_true(rule.skip == 2 && rule.times == 3 && rule.every == 4 &&
	            rule.direction == VN_REQUEST);
	assert_true(rule.client.family == AF_INET && rule.client.bits == 8);
	assert_int_equal(rule.until, rule.since + 60 * VN_S);
	rule_free(&rule);
	good("tale per=connection sleep=1 sleep=2 ttl=0");      /* the last word counts */
	assert_true(rule.per_connection && own()->sleep == 2 * VN_S && rule.until == VN_NEVER);
	rule_free(&rule);
}

/* What is decided once for a connection: where the rule says so, or the behavior, or it is asked of
 * nothing else. */
static void whole_connections(void **state)
{
	static const struct { const char *words; bool whole;
	} cases[] = {
		{ "tale", false },
		{ "tale per=own", false },
		{ "tale per=connection", true },
		{ "tale_whole", true },
		{ "tale_whole per=own", true },
		{ "tale_whole match=a", false },
		{ "tale_whole match=a per=own", false },
		{ "tale_whole probability=0.5", true },
		{ "tale_whole per=exchange", false },
		{ "tale_opens per=exchange", true },
		{ "tale_ends probability=0.5 per=exchange", true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		good(cases[i].words);
		assert_int_equal(rule.per_connection, cases[i].whole);
		rule_free(&rule);
	}
}

static void shares(void **state)
{
	good("tale_whole share=proxy");
	assert_true(rule.shared);
	rule_free(&rule);
	good("tale share=connection");
	assert_false(rule.shared);
	rule_free(&rule);
	bad_on(&protocol_tale_told, "tale share=proxy",
	       "share: tale has no bandwidth that connections could share");
}

/* A behavior's own counters go on where the rule has none. */
static void counters(void **state)
{
	good("tale warmup=5 agitate=6");
	assert_true(rule.skip == 5 && rule.times == 6);
	rule_free(&rule);
	good("tale warmup=5 agitate=6 skip=7 times=8");
	assert_true(rule.skip == 7 && rule.times == 8);
	rule_free(&rule);
}

static void directions(void **state)
{
	static const struct { const char *words; enum vn_direction direction;
	} cases[] = {
		{ "tale", VN_BOTH },
		{ "tale direction=both", VN_BOTH },
		{ "tale direction=response", VN_RESPONSE },
		{ "tale_answers", VN_RESPONSE },
		{ "tale_answers direction=own", VN_RESPONSE },
		{ "tale_answers direction=both", VN_BOTH },
		{ "tale_asks direction=both", VN_BOTH },
		{ "tale_asks direction=request", VN_REQUEST },
		{ "tale_opens direction=response", VN_RESPONSE },
		{ "dummy direction=request", VN_REQUEST },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		good(cases[i].words);
		assert_int_equal(rule.direction, cases[i].direction);
		rule_free(&rule);
	}
}

static void quotes(void **state)
{
	static const struct { const char *word, *text;
	} cases[] = {
		{ "text=a", "a" },
		{ "text=", "" },
		{ "text=\"\"", "" },
		{ "text='a b'", "a b" },
		{ "text=\"a b\"", "a b" },
		{ "text=\"it's\"", "it's" },
		{ "text='say \"x\"'", "say \"x\"" },
		{ "text=a' 'b\" \"c", "a b c" },
		{ "'text=a b'", "a b" },
		{ "text=\"a\\\"b\"", "a\"b" },
		{ "text=\"a\\\\\"", "a\\" },
		{ "text=\"\\bX\\.\"", "\\bX\\." },
		{ "text='a\\'", "a\\" },
		{ "text=\\d+\\ttext", "\\d+\\ttext" },
		{ "text=a=b", "a=b" },
		{ "text='\xc3\xa4 \x01'", "\xc3\xa4 \x01" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char words[100];
		snprintf(words, sizeof words, "tale sleep=3 %s warmup=4", cases[i].word);
		good(words);
		if (strcmp(own()->text, cases[i].text))
			fail_msg("%s is '%s'", cases[i].word, own()->text);
		assert_true(own()->sleep == 3 * VN_S && rule.skip == 4);
		rule_free(&rule);
	}
}

#define KNOWN "match, kind, client, connections, direction, probability, per, share, skip, " \
	      "times, every, ttl, enabled"

static void refused(void **state)
{
	static const struct { const char *words, *sentence;
	} bad[] = {
		{ "", "rule: expected the name of a behavior first, got ''" },
		{ "  ", "rule: expected the name of a behavior first, got ''" },
		{ "nope times=1", "rule: expected the name of a behavior first, got 'nope'" },
		{ "times=1 tale", "rule: expected the name of a behavior first, got 'times=1'" },
		{ "'tale", "rule: expected a closing '" },
		{ "tale text=\"a", "rule: expected a closing \"" },
		{ "tale text=\"a\\\"", "rule: expected a closing \"" },
		{ "tale 5", "rule: expected option=value, got '5'" },
		{ "tale times = 1", "rule: expected option=value, got 'times'" },
		{ "tale nope=1",
		  "nope: tale has no such option; expected one of sleep, failure, text, warmup, "
		  "agitate, " KNOWN },
		{ "tale_asks =1", ": tale_asks has no such option; expected one of " KNOWN },
		{ "tale sleep=abc", "sleep: expected a number of seconds >= 0, got 'abc'" },
		{ "tale name=", "name: expected 1 to 64 characters without blanks and ], got ''" },
		{ "tale name='a b'",
		  "name: expected 1 to 64 characters without blanks and ], got 'a b'" },
		{ "tale name=\xff",
		  "name: expected 1 to 64 characters without blanks and ], got '\xff'" },
		{ "tale name=behavior", "rule: the name 'behavior' is not free" },
		{ "tale probability=1.5", "probability: expected a number from 0 to 1, got '1.5'" },
		{ "tale probability=-0.1",
		  "probability: expected a number from 0 to 1, got '-0.1'" },
		{ "tale probability=nan", "probability: expected a number from 0 to 1, got 'nan'" },
		{ "tale skip=-1", "skip: expected a whole number >= 0, got '-1'" },
		{ "tale times=1.5", "times: expected a whole number >= 0, got '1.5'" },
		{ "tale every=0", "every: expected a whole number from 1 to 1e+15, got '0'" },
		{ "tale per=day", "per: expected one of own, exchange, connection, got 'day'" },
		{ "tale direction=up",
		  "direction: expected one of own, request, response, both, got 'up'" },
		{ "tale ttl=soon", "ttl: expected a number of seconds >= 0, got 'soon'" },
		{ "tale ttl=-1", "ttl: expected a number of seconds >= 0, got '-1'" },
		{ "tale ttl=9999999999999999999s",
		  "ttl: expected a number of seconds >= 0, got '9999999999999999999s'" },
		{ "tale match=a( ",
		  "match: expected a regular expression; at offset 2: missing closing "
		  "parenthesis" },
		{ "tale failure=nope",
		  "failure: 'nope' is not a failure of tale_told; expected one of deadlock" },
		{ "tale failure=secret",
		  "failure: 'secret' is not a failure of tale_told; expected one of deadlock" },
		{ "tale match=a per=connection",
		  "match: expected per = exchange beside it, a connection is decided before "
		  "a message has come" },
		{ "tale_asks direction=response",
		  "direction: tale_asks does nothing to a response" },
		{ "tale_answers direction=request",
		  "direction: tale_answers does nothing to a request" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		bad_on(&protocol_tale_told, bad[i].words, bad[i].sentence);
	bad_on(&protocol_tale_raw, "tale match=a", "match: tale_raw has no requests to match");
	bad_on(&protocol_tale_raw, "tale failure=deadlock",
	       "failure: tale_raw has no failures; give the proxy another protocol");
	bad_on(&protocol_tale_raw, "tale_locks",
	       "name: tale_locks needs a protocol with the failure 'deadlock', tale_raw has none");
	bad_on(&protocol_tale_told, "tale_keeps",
	       "name: tale_keeps needs a protocol with the failure 'secret', tale_told has none");
	good("tale_locks");
	assert_true(rule_needs_messages(&rule));
	rule_free(&rule);
}

/* As a request sets them: the culprit is named. */
static void culprits(void **state)
{
	static const struct { const char *key, *value, *culprit;
	} bad[] = {
		{ "nope", "1", "nope" },      { "sleep", "[]", "sleep" },
		{ "match", "5", "match" },    { "client", "true", "client" },
		{ "times", "null", "times" }, { "per", "null", "per" },
		{ "every", "0", "every" },    { "probability", "2", "probability" },
		{ "na\tme", "1", "na?me" },
	};
	const char *culprit;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		json_t *value = json_loads(bad[i].value, JSON_DECODE_ANY, NULL);
		rule_init(&rule, "x", &behavior_tale, NULL);
		culprit = NULL;
		assert_false(rule_set(&rule, bad[i].key, value, &culprit, error));
		assert_string_equal(culprit, bad[i].culprit);
		assert_int_equal(strncmp(error, bad[i].culprit, strlen(bad[i].culprit)), 0);
		rule_free(&rule);
		json_decref(value);
	}
}

static void settle_culprits(void **state)
{
	static const struct { const char *key, *value;
	} bad[] = {
		{ "match", "(" },
		{ "client", "nobody" },
		{ "failure", "nope" },
		{ "direction", "response" },
	};
	const char *culprit;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		json_t *value = json_string(bad[i].value);
		rule_init(&rule, "x",
		          strcmp(bad[i].key, "direction") ? &behavior_tale : &behavior_tale_asks,
		          NULL);
		assert_true(rule_set(&rule, bad[i].key, value, &culprit, error));
		culprit = NULL;
		assert_false(rule_finish(&rule, &on_tale, &culprit, error));
		assert_string_equal(culprit, bad[i].key);
		assert_int_equal(strncmp(error, bad[i].key, strlen(bad[i].key)), 0);
		rule_free(&rule);
		json_decref(value);
	}
}

/* ---- whom it means ---- */

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint e = { .len = sizeof(struct sockaddr_in6) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&e.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e.addr;
	if (!strcmp(text, "unix"))
		e.addr.ss_family = AF_UNIX;
	else if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	} else {
		v4->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	}
	return e;
}

static void networks(void **state)
{
	static const struct { const char *client, *in[4], *out[4];
	} cases[] = {
		{ "10.1.2.3",
		  { "10.1.2.3", "::ffff:10.1.2.3" },
		  { "10.1.2.2", "::1", "unix", "::ffff:10.1.2.4" } },
		{ "10.0.0.0/8",
		  { "10.0.0.0", "10.255.255.255", "::ffff:10.9.9.9" },
		  { "11.0.0.0", "9.255.255.255", "a00::" } },
		{ "10.77.0.1/8", { "10.0.0.0" }, { "11.0.0.0" } },
		{ "192.168.4.0/23",
		  { "192.168.4.0", "192.168.5.255" },
		  { "192.168.6.0", "192.168.3.255" } },
		{ "192.168.4.0/31", { "192.168.4.0", "192.168.4.1" }, { "192.168.4.2" } },
		{ "128.0.0.0/1", { "128.0.0.0", "255.255.255.255" }, { "127.255.255.255" } },
		{ "127.0.0.1/32", { "127.0.0.1" }, { "127.0.0.0", "127.0.0.2" } },
		{ "0.0.0.0/0", { "1.2.3.4", "255.0.0.1", "::ffff:9.9.9.9" }, { "::1", "unix" } },
		{ "::1", { "::1" }, { "::2", "127.0.0.1", "::ffff:127.0.0.1", "unix" } },
		{ "2001:db8::/33",
		  { "2001:db8::1", "2001:db8:7fff::" },
		  { "2001:db8:8000::", "2001:db9::" } },
		{ "2001:db8::/127", { "2001:db8::", "2001:db8::1" }, { "2001:db8::2" } },
		{ "::/0", { "::1", "fe80::1" }, { "1.2.3.4", "unix" } },
		{ "::ffff:10.1.2.3",
		  { "10.1.2.3", "::ffff:10.1.2.3" },
		  { "10.1.2.4", "::ffff:10.1.2.4" } },
		{ "::ffff:10.0.0.0/104",
		  { "10.1.2.3", "::ffff:10.1.2.3" },
		  { "11.1.2.4", "::ffff:11.1.2.4" } },
		{ "::ffff:0.0.0.0/96", { "1.2.3.4", "::ffff:1.2.3.4" }, { "::1" } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char words[100];
		snprintf(words, sizeof words, "tale client=%s", cases[i].client);
		good(words);
		for (int k = 0; k < 4; k++) {
			struct endpoint in =
				endpoint_of(cases[i].in[k] ? cases[i].in[k] : cases[i].in[0]);
			struct endpoint out =
				endpoint_of(cases[i].out[k] ? cases[i].out[k] : cases[i].out[0]);
			if (!rule_applies_to(&rule, &in))
				fail_msg("%s does not mean %s", cases[i].client, cases[i].in[k]);
			if (rule_applies_to(&rule, &out))
				fail_msg("%s means %s", cases[i].client, cases[i].out[k]);
		}
		rule_free(&rule);
	}
	good("tale");
	struct endpoint anyone[] = { endpoint_of("1.2.3.4"), endpoint_of("::1"),
		                     endpoint_of("unix") };
	for (int k = 0; k < 3; k++)
		assert_true(rule_applies_to(&rule, &anyone[k]));
	rule_free(&rule);
}

static void no_networks(void **state)
{
	static const char *const bad[] = {
		"localhost",
		"10.0.0",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/8x",
		"10.0.0.0/ 8",
		"10.0.0.1:80",
		"256.1.1.1",
		"::/129",
		"[::1]",
		"fe80::1%eth0",
		"/8",
		"",
		" 10.0.0.1",
		"10.0.0.0/18446744073709551624",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char words[200], sentence[ERROR_MAX];
		snprintf(words, sizeof words, "tale client='%s'", bad[i]);
		snprintf(sentence, sizeof sentence,
		         "client: expected an address or a network such as 10.0.0.0/8, got '%s'",
		         bad[i]);
		bad_on(&protocol_tale_told, words, sentence);
	}
	char words[200] = "tale client=1";
	memset(words + strlen(words), '1', 100);
	assert_false(read_on(&protocol_tale_told, words));
	assert_int_equal(strncmp(error, "client: expected an address", 27), 0);
}

/* ---- shown ---- */

static char *shown(void)
{
	json_t *options = rule_options_json(&rule);
	char *text = json_dumps(options, JSON_COMPACT);
	json_decref(options);
	return text;
}

static void same_shown(const char *want)
{
	char *text = shown();
	assert_string_equal(text, want);
	free(text);
}

static void json(void **state)
{
	good("tale text=x");
	same_shown("{\"sleep\":1.0,\"failure\":null,\"text\":\"x\",\"warmup\":0,\"agitate\":null}");
	rule_free(&rule);
	good("dummy probability=1 times=0 direction=own every=1");
	same_shown("{}");
	rule_free(&rule);
	good("dummy match='^A \"b\"' client=::1 direction=both probability=0.5 skip=1 times=2 every=3 ttl=1500ms");
	same_shown(
		"{\"match\":\"^A "
		"\\\"b\\\"\",\"client\":\"::1\",\"direction\":\"both\",\"probability\":0.5,\"skip\":1,\"times\":2,"
		"\"every\":3,\"ttl\":1.5}");
	rule_free(&rule);
	good("dummy name=mine per=connection");
	rule.counters->seen = 3;
	rule.counters->hits = 2;
	rule.counters->unreachable = 1;
	json_t *all = rule_json(&rule);
	char *text = json_dumps(all, JSON_COMPACT);
	assert_string_equal(
		text,
		"{\"name\":\"mine\",\"behavior\":\"dummy\",\"options\":{\"per\":\"connection\"},\"seen\":3,\"hits\":2,"
		"\"unreachable\":1,\"last_hit\":null,"
		"\"as_rule\":\"dummy per=connection name=mine\"}");
	free(text);
	json_decref(all);
	rule_free(&rule);
}

/* A rule in words makes the same rule again. */
static void words(void **state)
{
	static const struct { const char *text, *words; } all[] = {
		{ "dummy", "dummy" }, { "dummy name=dummy", "dummy" },
		{ "tale text='a b'", "tale sleep=1s text=\"a b\"" },
		{ "tale text='say \"no\\'", "tale sleep=1s text=\"say \\\"no\\\\\"" },
		{ "tale sleep=250us", "tale sleep=250us" }, { "tale sleep=0", "tale sleep=0s" },
		{ "dummy match='^A' client=::1 times=2 ttl=1500ms probability=0.5 name=x",
		  "dummy match=^A client=::1 probability=0.5 times=2 ttl=1500ms name=x" },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		for (int again = 0; again < 2; again++) {
			good(again ? all[i].words : all[i].text);
			char *made = rule_words(&rule);
			assert_string_equal(made, all[i].words);
			free(made);
			rule_free(&rule);
		}
	}
}

/* What is shown makes the same rule again. */
static void put_back(void **state)
{
	static const char *const words[] = {
		"tale",
		"tale per=connection",
		"tale text='' match='' times=3",
		"tale agitate=2 warmup=1 failure=deadlock sleep=7ms",
		"tale match='^A' client=10.0.0.0/9 direction=response probability=0.125 skip=1 "
		"times=2 every=3 ttl=0.25",
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		const char *culprit, *key;
		json_t *value;
		good(words[i]);
		char *before = shown();
		struct rule_spec first = rule;
		json_t *options = rule_options_json(&first);
		rule_init(&rule, "again", first.behavior, NULL);
		json_object_foreach(options, key, value)
			if (!rule_set(&rule, key, value, &culprit, error))
				fail_msg("%s: %s", words[i], error);
		assert_true(rule_finish(&rule, &on_tale, &culprit, error));
		same_shown(before);
		assert_true(rule.skip == first.skip && rule.times == first.times &&
		            rule.every == first.every && rule.high == first.high);
		assert_true(rule.direction == first.direction &&
		            rule.per_connection == first.per_connection);
		assert_memory_equal(&rule.client, &first.client, sizeof rule.client);
		assert_true(rule.id != first.id && rule.counters != first.counters);
		rule_free(&first);
		rule_free(&rule);
		json_decref(options);
		free(before);
	}
}

static void copies(void **state)
{
	struct rule_spec copy;
	good("tale match=^A times=2 text=x name=mine");
	rule_copy(&copy, &rule);
	assert_true(copy.id == rule.id && copy.counters == rule.counters &&
	            rule.counters->refs == 2);
	assert_true(copy.name != rule.name && copy.values.opts != rule.values.opts &&
	            copy.fields.opts != rule.fields.opts);
	rule_free(&rule);
	rule = copy;
	assert_string_equal(fields()->match, "^A");
	assert_string_equal(own()->text, "x");
	assert_int_equal(rule.counters->refs, 1);
	rule_free(&rule);
}

/* Rules that need to understand a connection. */
static void words_needed(void **state)
{
	static const struct { const char *words; bool needs;
	} cases[] = {
		{ "tale", true },
		{ "tale_asks", false },
		{ "tale_asks match=a", true },
		{ "tale_asks times=1 client=::1", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		good(cases[i].words);
		assert_int_equal(rule_needs_messages(&rule), cases[i].needs);
		rule_free(&rule);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(plain),
	cmocka_unit_test(all_fields),
	cmocka_unit_test(counters),
	cmocka_unit_test(directions),
	cmocka_unit_test(quotes),
	cmocka_unit_test(refused),
	cmocka_unit_test(culprits),
	cmocka_unit_test(settle_culprits),
	cmocka_unit_test(networks),
	cmocka_unit_test(no_networks),
	cmocka_unit_test(json), cmocka_unit_test(words),
	cmocka_unit_test(put_back),
	cmocka_unit_test(copies),
	cmocka_unit_test(words_needed),
	cmocka_unit_test(whole_connections),
	cmocka_unit_test(shares),
};

SUITE(rule, tests)
