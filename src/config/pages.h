/* pages.h - the generated pages of docs/ as markdown, made from the tables of guests. */
#ifndef CONFIG_PAGES_H
#define CONFIG_PAGES_H

#include <stdio.h>

void page_behaviors(FILE *);            /* docs/behaviors.md */
void page_protocols(FILE *);            /* docs/protocols.md */
void page_tls_options(FILE *);          /* docs/tls-options.md */
void page_failure_names(FILE *);        /* the table of names and protocols in docs/failures.md */

#endif
