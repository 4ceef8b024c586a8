/* report.c - the table of formats, and saving a report in one of them. */
#include "audit/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const struct report_format *formats;

void report_announce(struct report_format *format)
{
	const struct report_format **at = &formats;

	while (*at && strcmp((*at)->name, format->name) < 0)
		at = (const struct report_format **)&(*at)->next;
	format->next = *at;
	*at = format;
}

const struct report_format *report_formats(void)
{
	return formats;
}

const struct report_format *report_format_find(const char *name)
{
	const struct report_format *f = formats;

	while (f && strcmp(f->name, name))
		f = f->next;
	return f;
}

/* A reader of the file sees the old one or the whole new one, so it is written beside and renamed.
 * What is no plain file (/dev/stdout, a pipe) cannot be replaced and is written directly. */
bool report_save(const struct report_format *format, const json_t *report, const char *file,
                 char *error)
{
	char beside[4096];
	bool direct = !access(file, F_OK) && strncmp(file, "/dev/", 5) == 0;

	if ((size_t)snprintf(beside, sizeof beside, direct ? "%s" : "%s.part", file) >=
	    sizeof beside) {
		error_format(error, "%.40s...: the name of the file is too long", file);
		return false;
	}
	FILE *to = fopen(beside, "we");
	if (to) {
		format->write(report, to);
		bool failed = ferror(to);
		if (!fclose(to) && !failed && (direct || !rename(beside, file)))
			return true;
	}
	error_format(error, "%s: cannot be written: %s", file, strerror(errno));
	if (to && !direct)
		unlink(beside);
	return false;
}
