/* listing.h - what Vaurien can do, told: --help, --list, and the generated pages of docs/. */
#ifndef LISTING_H
#define LISTING_H

#include <stdio.h>

#include "option.h"

struct flag {                           /* one option of the command line and of the INI file */
	char *name;                     /* what stands behind "--" */
	const char *group;              /* its heading in --help */
	const char *guest, *guest_help; /* of a protocol's or a behavior's; else NULL */
	const char *value;              /* what to call its value in --help */
	const char *alone;              /* its value when it stands without one; NULL: it must have one */
	const struct opt *opt;
	struct block *block;            /* where its value goes */
	int level;                      /* who has set it: 0 nobody, 1 the command line, 2 the file, 3 ... the files that it extends */
	bool on;                        /* set, and not to false or 0 */
};

extern const char *const listing_groups[];      /* in the order of --help; ends with NULL */
enum { GROUP_PROXY, GROUP_BEHAVIOR, GROUP_HTTP, GROUP_LOGS, GROUP_STATSD, GROUP_GENERAL, GROUP_PROTOCOLS,
       GROUP_BEHAVIORS, GROUP_OLDER };

void listing_usage(FILE *);
void listing_help(FILE *, const struct flag *, size_t n);
void listing_text(FILE *);              /* behaviors, protocols and failures with their options */
void listing_behaviors_page(FILE *);    /* markdown */
void listing_protocols_page(FILE *);

#endif
