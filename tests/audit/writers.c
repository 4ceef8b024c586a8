/* writers.c - writes a report from a file in a format: what the tests of the formats run.
 *
 * usage: writers FORMAT FILE     FORMAT: those of report_formats(), github, or screen (colours) */
#include <stdio.h>
#include <string.h>

#include "audit/report.h"

static void screen_write(const json_t *report)
{
	struct report_screen screen;
	size_t i;
	const json_t *all = json_object_get(report, "experiments"), *each;

	report_screen_open(&screen, stdout);
	screen.colours = screen.live = true;
	report_screen_normal(&screen, report);
	report_screen_plan(&screen, (unsigned)json_array_size(all), 360, "8124905712");
	json_array_foreach(all, i, each) {
		report_screen_live(&screen, "front ok, stock error 500 \033[31m");
		report_screen_experiment(&screen, report, each, (unsigned)json_array_size(all));
	}
	report_screen_end(&screen, report, "out/audit.html");
}

int main(int argc, char **argv)
{
	json_error_t error;
	size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
	json_t *report = argc == 3 ? json_load_file(argv[2], flags, &error) : NULL;
	const struct report_format *format = argc == 3 ? report_format_find(argv[1]) : NULL;

	if (!report) {
		fprintf(stderr, "usage: writers FORMAT FILE; FORMAT is github, screen");
		for (format = report_formats(); format; format = format->next)
			fprintf(stderr, ", %s", format->name);
		fputs("\n", stderr);
		return 2;
	}
	if (format)
		format->write(report, stdout);
	else if (!strcmp(argv[1], "github"))
		report_github(report, stdout);
	else
		screen_write(report);
	json_decref(report);
	return 0;
}
