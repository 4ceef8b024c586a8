/* settings.c - tests of the command line and the INI file: what they mean together, and how they
 * are refused. */
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "config/settings_read.h"
#include "spec/option_json.h"
#include "spec/registry.h"
#include "unit.h"

struct slow_opts { vn_nsec sleep; bool before; int64_t count; const char *failure; };
struct line_opts { bool strict; };

#define SLOW(name_, type_, ...) \
	{ .name = #name_, \
	  .type = type_, \
	  .offset = offsetof(struct slow_opts, name_), \
	  .help = "h", \
	  __VA_ARGS__ }

static const struct vn_opt slow_table[] = {
	SLOW(sleep, VN_OPT_TIME, .def = "1", .unit = VN_S),
	SLOW(before, VN_OPT_BOOL, .def = "true"),
	SLOW(count, VN_OPT_INT),
	SLOW(failure, VN_OPT_FAILURE),
	{ .name = NULL },
};

static const struct vn_opt worded_table[] = {
	{ .name = "words", .type = VN_OPT_TEXT, .offset = 0, .help = "h" }, { .name = NULL },
};

static const struct vn_opt line_table[] = {
	{ .name = "strict", .type = VN_OPT_BOOL, .offset = 0, .help = "h" },
	{ .name = "keep_alive",
	  .type = VN_OPT_INERT,
	  .def = "false",
	  .help = "connections are kept alive anyway" },
	{ .name = "buffer", .type = VN_OPT_INERT, .def = "8124", .help = "buffers grow as needed" },
	{ .name = NULL },
};

VN_BEHAVIOR(fake_slow, .help = "Slow", .options = slow_table, .opts_size = sizeof(struct slow_opts))
VN_BEHAVIOR(fake_slower, .help = "Slower")
VN_BEHAVIOR(fake_worded, .help = "Has words", .options = worded_table, .opts_size = sizeof(char *))
VN_PROTOCOL(fake_line, .help = "Lines", .options = line_table,
            .opts_size = sizeof(struct line_opts))

static struct settings settings;
static char said[64 * 1024], complained[16 * 1024];      /* on the standard output and error */

static void caught(int memory, char *text, size_t size)
{
	ssize_t n = pread(memory, text, size - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	close(memory);
}

/* Read "vaurien ARGS", blanks between arguments; what is printed is caught. */
static int read_line(const char *args)
{
	char program[] = "vaurien", line[1024], *argv[64] = { program }, *save = NULL;
	int argc = 1, memory[2], kept[2];

	settings_free(&settings);
	snprintf(line, sizeof line, "%s", args);
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		memory[i] = memfd_create("output", 0);
		kept[i] = dup(i + 1);
		dup2(memory[i], i + 1);
	}
	int code = settings_read(&settings, argc, argv);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], i + 1);
		close(kept[i]);
	}
	caught(memory[0], said, sizeof said);
	caught(memory[1], complained, sizeof complained);
	return code;
}

/* The same with a file of this text as --config. */
static int read_file(const char *text, const char *args)
{
	char line[1024];
	int memory = memfd_create("config", 0);
	assert_int_equal(write(memory, text, strlen(text)), strlen(text));
	lseek(memory, 0, SEEK_SET);
	snprintf(line, sizeof line, "--config /proc/self/fd/%d %s", memory, args);
	int code = read_line(line);
	close(memory);
	return code;
}

static int tear_down(void **state)
{
	settings_free(&settings);
	log_open("-");
	log_threshold = LOG_INFO;
	return 0;
}

static const struct slow_opts *slow(void)
{
	return defaults_of(settings.proxies[0]->defaults, &behavior_fake_slow)->opts;
}

static void good(int code)
{
	if (code != -1)
		fail_msg("code %d: %s", code, complained);
}

static void defaults(void **state)
{
	good(read_line("--protocol fake_line"));
	const struct spec *p = settings.proxies[0];
	assert_string_equal(p->name, "default");
	assert_string_equal(p->listen.text, "localhost:8000");
	assert_string_equal(p->backend.text, "localhost:80");
	assert_string_equal(p->behavior, "dummy");
	assert_ptr_equal(p->protocol, &protocol_fake_line);
	assert_int_equal(p->timeout, 30 * VN_S);
	assert_int_equal(p->idle, 0);
	assert_int_equal(p->linger, 2 * VN_S);
	assert_int_equal(p->hold_max, 8 << 20);
	assert_int_equal(p->max_clients, 0);
	assert_int_equal(p->backlog, 8192);
	assert_int_equal(settings.hold_total, 512 << 20);
	assert_int_equal(settings.timeout, 30);
	assert_int_equal(settings.pool_max_size, 0);    /* no limit */
	assert_int_equal(settings.bufsize, 262144);
	assert_int_equal(settings.threads, 1);
	assert_false(settings.http || settings.statsd.enabled || settings.stay_connected);
	assert_false(settings.require_hit);
	assert_string_equal(settings.http_host, "localhost");
	assert_int_equal(settings.http_port, 8080);
	assert_int_equal(settings.statsd.port, 8125);
	assert_string_equal(settings.log_output, "-");
	assert_string_equal(complained, "");
}

static const struct topology_fields *topology_of(size_t i)
{
	return settings.proxies[i]->topology.opts;
}

/* Fields of a proxy whose server sends clients to others: one row each, in all places. */
static void topology(void **state)
{
	good(read_line("--protocol fake_line"));
	assert_null(topology_of(0)->known_as);
	assert_string_equal(topology_of(0)->topology, "rewrite");
	assert_string_equal(topology_of(0)->unmapped, "pass");
	assert_int_equal(settings.discover, 64);
	good(read_file("[vaurien]\nprotocol = fake_line\ntopology = hide\ndiscover = 3\n"
	               "[proxy:two]\nlisten = :1\nbackend = :2\nknown_as = a:1, unix:/b\n"
	               "topology = pass\nunmapped = add\n",
	               "--known-as c:1 --proxy :3"));
	assert_string_equal(topology_of(0)->known_as, "c:1");
	assert_string_equal(topology_of(0)->topology, "hide");
	assert_string_equal(topology_of(1)->known_as, "a:1, unix:/b");
	assert_string_equal(topology_of(1)->topology, "pass");
	assert_string_equal(topology_of(1)->unmapped, "add");
	assert_int_equal(settings.discover, 3);
	/* another proxy's servers do not go by the first one's names */
	good(read_line("--known-as c:1 --proxy :3 --add two=:1=:2"));
	assert_null(topology_of(1)->known_as);
	assert_int_not_equal(read_line("--known-as c:0"), -1);
	assert_non_null(strstr(complained, "argument --known-as: expected HOST:PORT with a port "
	                                   "above 0, got 'c:0'"));
	assert_int_not_equal(read_line("--unmapped ad"), -1);
	assert_non_null(strstr(complained, "expected one of pass, add, hide, got 'ad'"));
}

static void flags(void **state)
{
	good(read_line(
		"--protocol=fake_line --proxy :1 --backend [::1]:2 --http --http-port 9 "
		"--stay-conn --timeout 2.5 "
		"--pool-max-size 7 --bufsize 8192 --hold-max 64K --hold-total 1g --seed 0xff "
		"--threads 4 "
		"--statsd.enabled --statsd.sample-rate 0.5 --behavior-fake-slow-before=false "
		"--behavior-fake-slow-sleep 250ms --behavior 20:fake_slow "
		"--protocol-fake-line-strict "
		"--log-level ERROR --proxy-name db --linger 0 --sync --http-host=::1"));
	const struct spec *p = settings.proxies[0];
	assert_string_equal(p->name, "db");
	assert_string_equal(p->behavior, "20:fake_slow");
	assert_int_equal(((struct slow_opts *)p->rules[0].values.opts)->sleep, 250 * VN_MS);
	assert_false(slow()->before);
	assert_true(((struct line_opts *)p->protocol_values.opts)->strict);
	assert_int_equal(p->timeout, 2500 * VN_MS);
	assert_int_equal(p->idle, 0);           /* --stay-connected */
	assert_int_equal(p->max_clients, 7);
	assert_int_equal(p->hold_max, 65536);
	assert_int_equal(p->linger, 0);
	assert_int_equal(settings.hold_total, 1 << 30);
	assert_int_equal(settings.seed, 255);
	assert_int_equal(settings.threads, 4);
	assert_true(settings.http && settings.statsd.enabled && settings.stay_connected);
	assert_true(settings.statsd.sample_rate == 0.5);
	assert_int_equal(log_threshold, LOG_ERROR);

	good(read_line("--protocol fake_line --timeout 3"));
	assert_int_equal(settings.proxies[0]->idle, 3 * VN_S);
}

static void refused(void **state)
{
	static const struct { const char *args; int code; const char *sentence;
	} bad[] = {
		{ "--nope", 2, "vaurien: error: unrecognized arguments: --nope\n" },
		{ "-x", 2, "vaurien: error: unrecognized arguments: -x\n" },
		{ "what", 2, "vaurien: error: unrecognized arguments: what\n" },
		{ "--http false", 2, "vaurien: error: unrecognized arguments: false\n" },
		{ "--behavour fake_slow", 2,
		  "unrecognized arguments: --behavour; did you mean '--behavior'?\n" },
		{ "--htp-port=1", 2,
		  "unrecognized arguments: --htp-port=1; did you mean '--http-port'?\n" },
		{ "dmeo", 2, "unrecognized arguments: dmeo; did you mean 'demo'?\n" },
		{ "--behavior fake_slaw", 1,
		  "'fake_slaw' is an unknown behavior; did you mean 'fake_slow'? Pick one of: '" },
		{ "--rule fake_slaw", 1,
		  "rule: expected the name of a behavior first, got 'fake_slaw'; did you mean "
		  "'fake_slow'?\n" },
		{ "--list nope", 2,
		  "argument --list: expected behaviors, protocols, failures, rules, udp or the "
		  "name of one of these, got 'nope'\n" },
		{ "--list=fake_slaw", 2, ", got 'fake_slaw'; did you mean 'fake_slow'?\n" },
		{ "--list=", 2, "argument --list: expected behaviors, protocols, " },
		{ "--proto tcp", 2, "vaurien: error: ambiguous option: --proto could match" },
		{ "--backend", 2, "vaurien: error: argument --backend: expected one argument\n" },
		{ "--protocol fake_lin", 2, "got 'fake_lin'; did you mean 'fake_line'?\n" },
		{ "--log-level inof", 2, ", got 'inof'; did you mean 'info'?\n" },
		{ "--protocol nope", 2, "vaurien: error: argument --protocol: expected one of " },
		{ "--log-level Info", 2,
		  "vaurien: error: argument --log-level: expected one of critical, " },
		{ "--http-port x", 2,
		  "vaurien: error: argument --http-port: expected a whole number from 0 to 65535, "
		  "got 'x'\n" },
		{ "--behavior-fake-slow-sleep abc", 2,
		  "argument --behavior-fake-slow-sleep: expected a number of seconds >= 0, got "
		  "'abc'\n" },
		{ "--protocol-fake-line-strict=maybe", 2,
		  "argument --protocol-fake-line-strict: expected true or false, got 'maybe'\n" },
		{ "--protocol-fake-line-buffer x", 2,
		  "argument --protocol-fake-line-buffer: expected " },
		{ "--hold-max 1T", 2, "argument --hold-max: expected a number of bytes" },
		{ "--hold-max 9999999999G", 2, "argument --hold-max: expected a number of bytes" },
		{ "--seed -1", 2, "argument --seed: expected a number of 64 bits" },
		{ "--seed 0x", 2, "argument --seed: expected a number of 64 bits" },
		{ "--threads 0", 2,
		  "argument --threads: expected a whole number from 1 to 64, got '0'\n" },
		{ "--proxy-name a/b", 2, "argument --proxy-name: expected 1 to 64 characters" },
		{ "--proxy 8000", 1, "--proxy: expected HOST:PORT or :PORT, got '8000'\n" },
		{ "--backend h:x", 1, "--backend: expected HOST:PORT or :PORT, got 'h:x'\n" },
		{ "--behavior nope", 1, "'nope' is an unknown behavior. Pick one of: '" },
		{ "--behavior 10:nope", 1, "'nope' is an unknown behavior. Pick one of: '" },
		{ "--behavior=", 1, "You need to use percentage:name\n" },
		{ "--behavior fake_slow,fake_slower", 1, "You need to use percentage:name\n" },
		{ "--behavior 80:fake_slow,30:fake_slower", 1,
		  "The behavior total needs to be 100 or less\n" },
		{ "--behavior-fake-slow-failure deadlock", 1,
		  "failure: fake_line has no failures; give the proxy another protocol\n" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char line[300];
		snprintf(line, sizeof line, "--protocol fake_line %s", bad[i].args);
		int code = read_line(line);
		if (code != bad[i].code || !strstr(complained, bad[i].sentence) ||
		    !strncmp(complained, "usage: ", 7) != (code == 2))
			fail_msg("%s: code %d: %s", bad[i].args, code, complained);
	}
}

static void shown(void **state)
{
	assert_int_equal(read_line("--version"), 0);
	assert_string_equal(said, "3.0.0\n");
	assert_int_equal(read_line("-h"), 0);
	assert_int_equal(strncmp(said, "usage: vaurien ", 15), 0);
	assert_null(strstr(said, "--behavior-fake-slow-sleep"));
	assert_int_equal(read_line("-h fake_slow"), 0);
	assert_int_equal(strncmp(said, "  fake_slow     Slow\n", 21), 0);
	assert_int_equal(read_line("--help=behavior-fake-slow-sleep"), 0);
	assert_non_null(strstr(said, "--behavior-fake-slow-sleep SECONDS\n"));
	assert_int_equal(read_line("-h all"), 0);
	assert_int_equal(strncmp(said, "Runs a Chaos TCP proxy.\n", 24), 0);
	assert_non_null(strstr(said, "\nBehavior options (others):\n"));
	assert_non_null(strstr(said, "--behavior-fake-slow-sleep SECONDS\n"));
	assert_true(strstr(said, "--protocol-fake-line-buffer N") >
	            strstr(said, "\nAccepted for older command lines:\n"));
	for (const char *line = said; line; line = strchr(line, '\n'))
		assert_true(strcspn(++line, "\n") <= 100);
	assert_int_equal(read_line("--list"), 0);
	assert_non_null(strstr(said, "\n  fake_slow "));
	assert_int_equal(read_line("--list=behaviors.md"), 0);
	assert_non_null(strstr(said, "\n### fake_slow\n\nSlow.\n\n| option |"));
	assert_int_equal(read_line("--list=protocols.md"), 0);
	assert_non_null(strstr(said, "\n## fake_line\n"));
	assert_int_equal(read_line("--list fake_slow"), 0);
	assert_int_equal(strncmp(said, "  fake_slow     Slow\n", 21), 0);
	assert_non_null(strstr(said, "      sleep                  h (seconds, default 1)\n"));
	assert_non_null(strstr(
		said,
		"--behavior-fake-slow-OPTION of vaurien, OPTION in [behavior:fake_slow] of the "
		"file"));
	assert_int_equal(read_line("--list --http"), 0);
	assert_non_null(strstr(said, "\nprotocols:\n"));
	assert_int_equal(read_line("--list=rules"), 0);
	assert_int_equal(strncmp(said, "fields of rules, for every behavior:\n", 37), 0);
	assert_int_equal(read_line("--list=words"), 0);
	assert_non_null(strstr(said, "flag\t--behavior-fake-slow-sleep\tSECONDS\t-\t"));
	assert_non_null(strstr(said, "field\t--share\tVALUE\tconnection proxy\t"));
	assert_non_null(strstr(said, "\nbehavior\tfake_slow\t-\t-\tSlow\n"));
}

static void from_file(void **state)
{
	setenv("VAURIEN_TEST_HOST", "example.org", 1);
	good(read_file(
		"; a comment\n[vaurien]\nbackend = ${VAURIEN_TEST_HOST}:80 ; inline\n  protocol: "
		"fake_line\n"
		"behavior = 20:fake_slow\nstay-connected = yes\ntimeout = 2.5\nPROXY = "
		"\"localhost:99\"\nhttp = on\n"
		"[statsd]\nenabled = true\nsample_rate = 0.25\nprefix = "
		"p\n[behavior:fake_slow]\nsleep = 2\ncount = 5\n"
		"[protocol.fake_line]\nstrict = 1\nkeep_alive = true\n",
		"--behavior-fake-slow-count 6"));
	assert_string_equal(settings.proxies[0]->backend.text, "example.org:80");
	assert_string_equal(settings.proxies[0]->listen.text, "localhost:99");
	assert_string_equal(settings.proxies[0]->behavior, "20:fake_slow");
	assert_true(settings.stay_connected && settings.http && settings.statsd.enabled);
	assert_int_equal(settings.proxies[0]->timeout, 2500 * VN_MS);
	assert_true(settings.statsd.sample_rate == 0.25);
	assert_string_equal(settings.statsd.prefix, "p");
	assert_int_equal(slow()->sleep, 2 * VN_S);
	assert_int_equal(slow()->count, 6);     /* the command line wins */
	assert_true(((struct line_opts *)settings.proxies[0]->protocol_values.opts)->strict);
	assert_non_null(strstr(
		complained,
		"[WARNING] --protocol-fake-line-keep-alive changes nothing: connections are kept"));
}

static void several_sections(void **state)
{
	good(read_file(
		"[vaurien]\nprotocol=fake_line\nbehavior = fake_slow\npool_timeout = 9\nsync = "
		"true\n"
		"[behavior:mine]\nlevel = 3\ncallable = a.b\n[behavior:fake_slow]\nsleep = "
		"3\nsleep = 4\n"
		"callable = c.d\n[protocol:fake_line]\nreuse_socket = true\n",
		""));
	assert_int_equal(slow()->sleep, 4 * VN_S);
	assert_non_null(strstr(complained, "[WARNING] callable not found for mine\n"));
	assert_non_null(strstr(complained, "[WARNING] callable not found for fake_slow\n"));
	assert_non_null(
		strstr(complained,
	               ":14: 'reuse_socket' in section [protocol:fake_line] changes nothing\n"));
}

static void file_refused(void **state)
{
	static const struct { const char *text, *sentence;
	} bad[] = {
		{ "[vaurien]\nprotocol = nope\n", "protocol: expected one of " },
		{ "[vaurien]\nprotocol = fake_line\ntimeout = soon\n",
		  ":3: timeout: expected a number of seconds >= 0, got 'soon'\n" },
		{ "[vaurien]\nbackend = ${VAURIEN_TEST_NONE}:1\n",
		  ":2: backend: expected ${VAURIEN_TEST_NONE} to be in the environment\n" },
		{ "[behavior:fake_slaw]\nsleep = 1\n",
		  "[behavior:fake_slaw]: expected the name of a behavior that --list shows, got "
		  "'fake_slaw'; did you mean 'fake_slow'?\n" },
		{ "[protocol:nope]\nstrict = 1\n",
		  "[protocol:nope]: expected the name of a protocol that --list shows, got "
		  "'nope'\n" },
		{ "[vaurien]\nbogus = 1\n", ":2: unknown key 'bogus' in section [vaurien]\n" },
		{ "[vaurien]\nhttp = 1\nbehaviour = hang\n",
		  ":3: unknown key 'behaviour' in section [vaurien]; did you mean 'behavior'?\n" },
		{ "[vaurien]\nhttp_prot = 1\n",
		  ":2: unknown key 'http_prot' in section [vaurien]; did you mean 'http_port'?\n" },
		{ "[vaurien]\nconfig = x\n", ":2: unknown key 'config' in section [vaurien]\n" },
		{ "[statsd]\nhots = a\n",
		  ":2: unknown key 'hots' in section [statsd]; did you mean 'host'?\n" },
		{ "[behavior:fake_slow]\nslep = 1\n",
		  ":2: unknown key 'slep' in section [behavior:fake_slow]; did you mean "
		  "'sleep'?\n" },
		{ "[behavior:fake_slower]\nspeed = 1\n",
		  ":2: unknown key 'speed' in section [behavior:fake_slower]\n" },
		{ "[behavior:fake_slow]\nkeep_alive = 1\n",
		  ":2: unknown key 'keep_alive' in section [behavior:fake_slow]\n" },
		{ "[proxy:x]\nlissen = :1\n",
		  ":2: unknown key 'lissen' in section [proxy:x]; did you mean 'listen'?\n" },
		{ "[rule:x]\nbehavior = fake_slow\nsleeep = 1\n[vaurien]\nprotocol = fake_line\n",
		  "; did you mean 'sleep'?\n" },
		{ "[vaurein]\nhttp = 1\n",
		  ":2: unknown section [vaurein]; expected one of vaurien, statsd, DEFAULT, "
		  "proxy:NAME, "
		  "rule:NAME, behavior:NAME, protocol:NAME; did you mean 'vaurien'?\n" },
		{ "[behaviour:delay]\nsleep = 1\n", "; did you mean 'behavior:delay'?\n" },
		{ "[wat]\nkey = 1\n",
		  ":2: unknown section [wat]; expected one of vaurien, statsd, " },
		{ "[behavior:fake_slow]\nsleep = x\n",
		  ":2: sleep: expected a number of seconds >= 0, got 'x'\n" },
		{ "[vaurien]\nnothing here\n", ":2: expected KEY = VALUE or [SECTION]\n" },
		{ "[vaurien]\nprotocol = fake_line\nbehavior = 100\n",
		  "'100' is an unknown behavior." },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int code = read_file(bad[i].text, "");
		if (code != 1 || !strstr(complained, bad[i].sentence) ||
		    strstr(complained, "usage"))
			fail_msg("case %zu: code %d: %s", i, code, complained);
	}
	assert_int_equal(read_line("--config /nonexistent.ini"), 1);
	assert_string_equal(said, "Unexistant filename '/nonexistent.ini'\n");

	assert_int_equal(read_line("--config /./nonexistent//deep/../../nonexistent.ini"), 1);
	assert_string_equal(said, "Unexistant filename '/nonexistent.ini'\n");

	char text[600] = "[vaurien]\nbehavior = ";
	memset(text + strlen(text), 'x', 300);
	assert_int_equal(read_file(text, ""), 1);
	assert_non_null(strstr(complained, ":2: expected a line of at most "));
	memcpy(text, "; ", 2);                  /* a comment may be long */
	text[9] = ' ';
	strcat(text, "\n[vaurien]\nprotocol = fake_line\n");
	good(read_file(text, ""));
}

static void extended(void **state)
{
	static const char base[] =
		"[vaurien]\nprotocol = fake_line\nbackend = base:1\nproxy = base:2\n";
	char text[200];
	int memory = memfd_create("base", 0);
	assert_int_equal(write(memory, base, strlen(base)), strlen(base));
	snprintf(text, sizeof text,
	         "[DEFAULT]\nextends = /proc/self/fd/%d\n[vaurien]\nbackend = mine:1\n", memory);
	good(read_file(text, "--proxy line:3"));
	assert_ptr_equal(settings.proxies[0]->protocol, &protocol_fake_line);
	assert_string_equal(settings.proxies[0]->backend.text, "mine:1");
	assert_string_equal(settings.proxies[0]->listen.text, "line:3");
	close(memory);

	memory = memfd_create("circle", 0);     /* a file that extends itself */
	snprintf(text, sizeof text, "[DEFAULT]\nextends = /proc/self/fd/%d\n", memory);
	assert_int_equal(write(memory, text, strlen(text)), strlen(text));
	snprintf(text, sizeof text, "--config /proc/self/fd/%d", memory);
	assert_int_equal(read_line(text), 1);
	assert_non_null(strstr(complained, "files that extend each other"));
	close(memory);
}

/* ---- rules ---- */

static int read_rules(const char *file, const char *args)
{
	char line[1024];
	snprintf(line, sizeof line, "--protocol fake_line %s", args);
	return file ? read_file(file, line) : read_line(line);
}

static const struct rule_spec *rule_at(unsigned i)
{
	assert_true(i < settings.proxies[0]->n_rules);
	return &settings.proxies[0]->rules[i];
}

static void rules_of_flags(void **state)
{
	good(read_rules(
		NULL,
		"--rule fake_slow --behavior 30:fake_slow --rule=fake_slow --rule fake_slower "
		"--behavior-fake-slow-count 7"));
	assert_int_equal(settings.proxies[0]->n_rules, 4);
	assert_string_equal(settings.proxies[0]->behavior, "30:fake_slow");
	static const char *const names[] = { "behavior", "fake_slow", "fake_slow-2",
		                             "fake_slower" };
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(rule_at(i)->name, names[i]);
	for (unsigned i = 0; i < 3; i++)
		/* defaults are theirs, too */
		assert_int_equal(((struct slow_opts *)rule_at(i)->values.opts)->count, 7);
	assert_true(rule_at(0)->high == 0.3 && rule_at(1)->high == 1);
}

/* A key of [vaurien] like any flag, but all that is said counts. */
static void rules_with_words(void **state)
{
	good(read_file(
		"[vaurien]\nprotocol = fake_line\nrule = fake_slow sleep=2 client=\"10.0.0.0/8\" "
		"times=3 name=mine\n"
		"rule = fake_slower ttl='5'\n",
		"--rule fake_slower"));
	assert_int_equal(settings.proxies[0]->n_rules, 3);
	assert_string_equal(rule_at(0)->name, "fake_slower");
	assert_string_equal(rule_at(1)->name, "mine");
	assert_int_equal(((struct slow_opts *)rule_at(1)->values.opts)->sleep, 2 * VN_S);
	assert_true(rule_at(1)->times == 3 && rule_at(1)->client.bits == 8);
	assert_string_equal(rule_at(2)->name, "fake_slower-2");
	assert_int_equal(rule_at(2)->until, rule_at(2)->since + 5 * VN_S);
}

static void rules_of_sections(void **state)
{
	good(read_rules(
		"[rule:one]\nbehavior = fake_slow\nsleep = 250ms\nskip=2\nTIMES: 1\ntimes = "
		"4\nclient = ::1\n"
		"[vaurien]\nbehavior = fake_slow\n[rule.two]\nper = "
		"connection\nbehavior=fake_slower\n"
		"[behavior:fake_slow]\nsleep = 9\ncount = 3\n",
		"--rule fake_slower"));
	assert_int_equal(settings.proxies[0]->n_rules, 4);
	assert_string_equal(rule_at(0)->name, "behavior");
	assert_string_equal(rule_at(1)->name, "one");
	assert_string_equal(rule_at(2)->name, "two");
	assert_string_equal(rule_at(3)->name, "fake_slower");
	const struct slow_opts *own = rule_at(1)->values.opts;
	assert_true(own->sleep == 250 * VN_MS && own->count == 3);
	assert_true(rule_at(1)->skip == 2 && rule_at(1)->times == 4 &&
	            rule_at(1)->client.bits == 128);
	assert_true(rule_at(2)->per_connection);
}

/* Values come as they stand in the file. */
static void section_values(void **state)
{
	good(read_rules("[rule:a]\nbehavior = fake_worded\nwords = say \"it's\" \\d=5 ; a comment\n"
	                "[rule:b]\nwords = \"quoted  \"\nbehavior = fake_worded\n", ""));
	assert_string_equal(*(char **)rule_at(0)->values.opts, "say \"it's\" \\d=5");
	assert_string_equal(*(char **)rule_at(1)->values.opts, "quoted  ");
}

/* A section goes on in the file that this one extends; what stands here counts. */
static void section_extended(void **state)
{
	static const char base[] =
		"[rule:far]\nbehavior = fake_slower\n[rule:both]\nbehavior = fake_slower\ntimes = "
		"1\nskip = 1\nskip = 5\n"
		"[behavior:fake_slow]\ncount = 4\n";
	char text[300];
	int memory = memfd_create("base", 0);
	assert_int_equal(write(memory, base, strlen(base)), strlen(base));
	snprintf(
		text, sizeof text,
		"[DEFAULT]\nextends = /proc/self/fd/%d\n[rule:both]\nbehavior = fake_slow\ntimes "
		"= 2\nevery = 3\n",
		memory);
	good(read_rules(text, ""));
	close(memory);
	assert_int_equal(settings.proxies[0]->n_rules, 2);
	assert_string_equal(rule_at(0)->name, "both");
	assert_ptr_equal(rule_at(0)->behavior, &behavior_fake_slow);
	assert_true(rule_at(0)->times == 2 && rule_at(0)->every == 3 && rule_at(0)->skip == 5);
	assert_int_equal(((struct slow_opts *)rule_at(0)->values.opts)->count, 4);
	assert_string_equal(rule_at(1)->name, "far");
}

static void rules_refused(void **state)
{
	static const struct { const char *file, *args, *sentence;
	} bad[] = {
		{ NULL, "--rule nope",
		  "rule: expected the name of a behavior first, got 'nope'\n" },
		{ NULL, "--rule=", "rule: expected the name of a behavior first, got ''\n" },
		{ NULL, "--rule fake_slow --rule 'fake_slow", "rule: expected a closing '\n" },
		{ "[vaurien]\nrule = fake_slow sleep=x\n", "",
		  "rule: sleep: expected a number of seconds >= 0, got 'x'\n" },
		{ "[vaurien]\nrule = fake_slow name=a\nrule = fake_slow name=a\n", "",
		  "rule: the name 'a' is not free\n" },
		{ "[vaurien]\nrule = fake_slow match=a\n", "",
		  "rule: match: fake_line has no requests to match\n" },
		{ "[vaurien]\nrule = fake_slow failure=deadlock\n", "",
		  "rule: failure: fake_line has no failures; give the proxy another protocol\n" },
		{ "[rule:a]\ntimes = 1\n", "",
		  "[rule:a]: expected behavior = a name that --list shows\n" },
		{ "[rule:a]\nbehavior = nope\n", "",
		  "[rule:a]: expected the name of a behavior first, got 'nope'\n" },
		{ "[rule:a]\nbehavior = fake_slow\ntimes = many\n", "",
		  "[rule:a]: times: expected a whole number >= 0, got 'many'\n" },
		{ "[rule:a]\nbehavior = fake_slower\nspeed = 1\n", "",
		  "[rule:a]: speed: fake_slower has no such option; expected one of match, "
		  "kind, client, connections, direction, probability, per, share, skip, "
		  "times, every, ttl, enabled\n" },
		{ "[rule:behavior]\nbehavior = fake_slow\n", "",
		  "[rule:behavior]: the name 'behavior' is not free\n" },
		{ "[rule:a b]\nbehavior = fake_slow\n", "",
		  "[rule:a b]: name: expected 1 to 64 characters without blanks and ], got 'a "
		  "b'\n" },
		{ "[rule:a\"]\nbehavior = fake_slow\n", "", "[rule:a\"]: expected a closing \"\n" },
		{ "[rule:]\nbehavior = fake_slow\n", "",
		  "[rule:]: name: expected 1 to 64 characters without blanks and ], got ''\n" },
		{ "[rule:a]\nbehavior = fake_slow\nclient = me\n", "",
		  "[rule:a]: client: expected an address or a network such as 10.0.0.0/8, got "
		  "'me'\n" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int code = read_rules(bad[i].file, bad[i].args);
		if (code != 1 || strcmp(complained, bad[i].sentence))
			fail_msg("case %zu: code %d: %s", i, code, complained);
	}
}

static void too_many_rules(void **state)
{
	char text[8000] = "[vaurien]\nbehavior = fake_slow\n";
	for (int i = 0; i < RULES_MAX - 1; i++)
		strcat(text, "rule = fake_slower\n");
	good(read_rules(text, ""));
	assert_int_equal(settings.proxies[0]->n_rules, RULES_MAX);
	assert_string_equal(rule_at(RULES_MAX - 1)->name, "fake_slower-63");
	assert_int_equal(read_rules(text, "--rule fake_slow"), 1);
	assert_string_equal(complained, "rule: expected at most 64 rules on a proxy\n");
}

static void log_unwritable(void **state)
{
	assert_int_equal(read_line("--protocol fake_line --log-output /nonexistent/log"), 1);
	assert_string_equal(
		complained,
		"log_output: cannot write to '/nonexistent/log': No such file or directory\n");
}

#define EACH(f) cmocka_unit_test_teardown(f, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(defaults),          EACH(flags),
	EACH(topology),
	EACH(refused),           EACH(shown),
	EACH(from_file),         EACH(several_sections),
	EACH(file_refused),      EACH(extended),
	EACH(rules_of_flags),    EACH(rules_with_words),
	EACH(rules_of_sections), EACH(section_values),
	EACH(section_extended),  EACH(rules_refused),
	EACH(too_many_rules),    EACH(log_unwritable),
};

SUITE(settings, tests)
