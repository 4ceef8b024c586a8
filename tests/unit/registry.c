/* registry.c - tests of who has announced themselves. */
#include "spec/registry.h"

#include <string.h>

#include "engine/engine.h"
#include "spec/failure.h"
#include "spec/registry_check.h"
#include "unit.h"

static const struct vn_failure fake_failures[] = {
	{ .name = "fake_down", .code = "1", .text = "down", .fits = VN_IS_COMMAND },
	{ .name = NULL },
};

static int fake_refuse(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                       struct vn_buffer *o)
{
	return 0;
}

static void fake_word(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f,
                      struct vn_buffer *o)
{
}

VN_BEHAVIOR(fake_registered, .help = "Stands in a list")
VN_BEHAVIOR(fake_before, .help = "Stands before it")
VN_PROTOCOL(fake_tongue, .help = "Has words", .failures = fake_failures, .refuse = fake_refuse,
            .word = fake_word)

static void found(void **state)
{
	assert_ptr_equal(behavior_find("fake_registered"), &behavior_fake_registered);
	assert_ptr_equal(protocol_find("fake_tongue"), &protocol_fake_tongue);
	assert_null(behavior_find("fake_tongue"));
	assert_null(behavior_find(""));
	assert_ptr_equal(failure_find(&protocol_fake_tongue, "fake_down"), fake_failures);
	assert_null(failure_find(&protocol_fake_tongue, "up"));
}

static void sorted(void **state)
{
	size_t n, m;
	const struct vn_behavior *const *b = behaviors_all(&n);
	for (size_t i = 1; i < n; i++)
		assert_true(strcmp(b[i - 1]->name, b[i]->name) < 0);
	const struct vn_protocol *const *p = protocols_all(&m);
	for (size_t i = 1; i < m; i++)
		assert_true(strcmp(p[i - 1]->name, p[i]->name) < 0);
	assert_true(n >= 2 && m >= 1);
}

/* 10,000 idle connections are usual. Kafka's clients keep a few, each with many requests. */
static void connections_are_small(void **state)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i]->name, "kafka") && !all[i]->datagrams)
			assert_in_range(sizeof(struct conn) + all[i]->state_size, 1, 512);
}

static void no_fault(void **state)
{
	const char *fault = registry_error();
	if (fault)
		fail_msg("%s", fault);
}

/* One behavior that is announced once and then wrong in every way there is. */
static void faults(void **state)
{
	static struct vn_opt table[3];
	static struct vn_behavior wrong;
	static const char *const choices[] = { "a", NULL };
	static const struct { struct vn_opt row; size_t size; const char *why;
	} cases[] = {
		{ { .name = "Sleep", .type = VN_OPT_INT, .help = "h" }, 8, "a name must be" },
		{ { .name = "x", .type = VN_OPT_INT }, 8, "no help" },
		{ { .name = "x", .type = VN_OPT_INT, .help = "h", .offset = 1 }, 8, "outside" },
		{ { .name = "x", .type = VN_OPT_INT, .help = "h", .offset = SIZE_MAX },
		  8,
		  "outside" },
		{ { .name = "x", .type = VN_OPT_TIME, .help = "h" }, 8, "unit" },
		{ { .name = "x", .type = VN_OPT_CHOICE, .help = "h" }, 8, "choices" },
		{ { .name = "x",
		    .type = VN_OPT_CHOICE,
		    .help = "h",
		    .choices = choices,
		    .def = "b" },
		  8,
		  "default" },
		{ { .name = "x", .type = VN_OPT_INT, .help = "h", .def = "many" }, 8, "default" },
		{ { .name = "x", .type = VN_OPT_INT, .help = "h", .min = 2, .max = 1 },
		  8,
		  "bounds" },
		{ { .name = "x", .type = VN_OPT_REAL, .help = "h", .rule = VN_OPT_SKIP },
		  8,
		  "must be OPT_INT" },
		{ { .name = "name", .type = VN_OPT_INT, .help = "h" }, 8, "meaning of its own" },
		{ { .name = "x", .type = 99, .help = "h" }, 8, "no such type" },
	};
	wrong = (struct vn_behavior){ .abi = VAURIEN_ABI, .name = "fake_wrong", .options = table };
	vn_behavior_announce(&wrong);
	assert_null(registry_error());

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		table[0] = cases[i].row;
		wrong.opts_size = cases[i].size;
		const char *why = registry_error();
		if (!why || !strstr(why, "fake_wrong") || !strstr(why, cases[i].why))
			fail_msg("case %zu: %s", i, why ? why : "no fault found");
	}
	table[0] = table[1] = (struct vn_opt){ .name = "x", .type = VN_OPT_INERT, .help = "h" };
	assert_non_null(strstr(registry_error(), "twice"));
	table[0].name = NULL;

	wrong.on = VN_ON_OPEN;
	assert_non_null(strstr(registry_error(), "no act()"));
	wrong.on = 0;
	static const char *const examples[] = { "", "fake", "fake_wrong2", "fake_wrong\nx", "--x" };
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		wrong.example = examples[i];
		assert_non_null(strstr(registry_error(), "example"));
	}
	wrong.example = "fake_wrong --x 1";
	wrong.sees = "";
	assert_non_null(strstr(registry_error(), "sees"));
	wrong.sees = "a fault";
	assert_null(registry_error());
	wrong.group = VN_GROUP_TLS + 1;
	assert_non_null(strstr(registry_error(), "no group"));
	wrong.group = VN_GROUP_RATE;
	assert_null(registry_error());
	wrong.abi = VAURIEN_ABI + 1;
	assert_non_null(strstr(registry_error(), "version"));
	wrong.abi = VAURIEN_ABI;
	assert_null(registry_error());
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(found),
	cmocka_unit_test(sorted),
	cmocka_unit_test(connections_are_small),
	cmocka_unit_test(no_fault),
	cmocka_unit_test(faults),
};

SUITE(registry, tests)
