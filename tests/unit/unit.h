/* unit.h - a file of unit tests announces itself: SUITE(name, tests) at its foot. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct suite {
	const char *name;
	const struct CMUnitTest *tests;
	size_t n;
	int (*run)(void);               /* how many failed */
	struct suite *next;
};

void suite_announce(struct suite *);

#define SUITE(id, list) \
	int test_##id(void); \
	int test_##id(void) { return cmocka_run_group_tests_name(#id, list, NULL, NULL); } \
	static struct suite suite_##id = { \
		.name = #id, .tests = list, .n = sizeof list / sizeof list[0], .run = test_##id \
	}; \
	__attribute__((constructor)) static void suite_##id##_announce(void) \
	{ \
		suite_announce(&suite_##id); \
	}

#endif
