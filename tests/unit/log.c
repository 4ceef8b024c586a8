/* log.c - tests of log lines. */
#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

static int file;
static char path[64], text[256 * 1024];

static int set_up(void **state)
{
	file = memfd_create("log", 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	log_threshold = LOG_INFO;
	return log_open(path) ? 0 : -1;
}

static int tear_down(void **state)
{
	log_open("-");
	log_threshold = LOG_INFO;
	return close(file);
}

static const char *written(void)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void format(void **state)
{
	int year, month, day, hour, minute, second, pid, end = 0;
	log_info("Handler changed to \"%s\"", "delay");
	sscanf(written(), "%4d-%2d-%2d %2d:%2d:%2d [%d] [INFO] Handler changed to \"delay\"\n%n",
	       &year, &month, &day, &hour, &minute, &second, &pid, &end);
	assert_int_equal(end, strlen(text));
	assert_int_equal(pid, getpid());
}

static void threshold(void **state)
{
	log_debug("unheard");
	log_threshold = LOG_CRITICAL;
	log_error("unheard");
	assert_string_equal(written(), "");
	log_threshold = LOG_DEBUG;
	log_debug("heard");
	assert_non_null(strstr(written(), "[DEBUG] heard\n"));
}

static void not_forged(void **state)
{
	log_info("name=%s", "a\n2000-01-01 00:00:00 [1] [INFO] forged\r\x1b[31m\x7f");
	written();
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text, "name=a?2000-01-01 00:00:00 [1] [INFO] forged??[31m?\n"));
}

static void long_lines(void **state)
{
	static char many[2000];
	memset(many, 'x', sizeof many - 1);
	log_info("%s", many);
	written();
	assert_true(strlen(text) <= 512);
	assert_true(text[strlen(text) - 1] == '\n');
}

static void gathered(void **state)
{
	int fd = log_start();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	log_info("one");
	log_info("two");
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_string_equal(written(), "");
	log_drain();
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(strstr(written(), "one\n") < strstr(text, "two\n"));
	log_info("three");
	log_stop();
	assert_non_null(strstr(written(), "three\n"));
	log_info("four");
	assert_non_null(strstr(written(), "four\n"));
}

static void overflow(void **state)
{
	unsigned long long lost = 0;
	size_t lines = 0;
	log_start();
	for (int i = 0; i < 5000; i++)
		log_info("line %d", i);
	log_drain();
	for (const char *c = written(); *c; c++)
		lines += *c == '\n';
	const char *told = strstr(text, "[WARNING] log lines=");
	assert_non_null(told);
	sscanf(told, "[WARNING] log lines=%llu lost\n", &lost);
	assert_int_equal(lost + lines - 1, 5000);
	assert_int_equal(log_lost(), lost);
	log_info("after");
	log_stop();
	assert_non_null(strstr(written(), "after\n"));
}

static void no_file(void **state)
{
	assert_false(log_open("/nonexistent/folder/file"));
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(format),   EACH(threshold), EACH(not_forged), EACH(long_lines),
	EACH(gathered), EACH(overflow),  EACH(no_file),
};

SUITE(log, tests)
