/* outages.h - the files of audit/outages/, which the build puts into the program. */
#ifndef AUDIT_OUTAGES_H
#define AUDIT_OUTAGES_H

struct outage_file { const char *name, *text; };

extern const struct outage_file outage_files[];         /* by name; ends with a row without one */

#endif
