/* report.c - the table of formats, and saving a report in one of them. */
#include "audit/report.h"

#include <errno.h>
#include <string.h>

#include "audit/outfile.h"
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

bool report_save(const struct report_format *format, const json_t *report, const char *file,
                 char *error)
{
	struct outfile out;

	if (outfile_open(&out, file)) {
		format->write(report, out.to);
		if (outfile_close(&out))
			return true;
	}
	error_format(error, "%s: cannot be written: %s", file, strerror(errno));
	return false;
}
