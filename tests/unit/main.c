/* main.c - runs every suite that was linked in, or those named, and says how many tests passed. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct suite *suites;

void suite_announce(struct suite *s)
{
	struct suite **at = &suites;
	while (*at && strcmp((*at)->name, s->name) < 0)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
}

static bool wanted(const struct suite *s, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], s->name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	size_t passed = 0, failed = 0;

	for (struct suite *s = suites; s; s = s->next) {
		if (!wanted(s, argc, argv))
			continue;
		int n = s->run();
		size_t bad = n < 0 ? s->n : (size_t)n;
		failed += bad;
		passed += s->n - bad;
	}
	fflush(stderr);
	printf("%zu passed, %zu failed\n", passed, failed);
	fflush(stdout);                         /* a leak checker at exit would drop it */
	return failed != 0;
}
