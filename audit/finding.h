/* finding.h - the named things that can be wrong: one row each, with how it is recognized.
 *
 * A row's `found` reads the evidence of one experiment, and writes the sentence that the report
 * has. To add a finding is to add a row: in the file of its table, and in docs/audit.md. */
#ifndef AUDIT_FINDING_H
#define AUDIT_FINDING_H

#include "audit/measure.h"

enum severity { SEVERITY_NOTE, SEVERITY_DEGRADED, SEVERITY_INCONCLUSIVE, SEVERITY_FAIL,
                SEVERITIES };
extern const char *const severity_names[SEVERITIES];

struct evidence {
	const struct measure *measure;
	unsigned probe;                         /* of findings_probe alone */
	const struct probe_figures *figures;    /* of that probe */
	struct connection_figures connections;
	struct retry_figures retries;
	struct timeout_figures connect, request;
	unsigned twice;
	const char *stampede;                   /* the proxy that suffers; NULL */
	struct load_figures load;               /* of that */
};

enum { FINDING_TEXT = 512 };            /* bytes of its sentence */

struct finding {
	const char *id;                         /* an API: never renamed */
	enum severity severity;
	bool (*found)(const struct evidence *, char text[FINDING_TEXT]);
	const char *summary;                    /* of the run; %s: names of proxies or probes */
	const char *remedy;                     /* in the imperative; "": none */
	bool of_probes;                         /* %s is the names of probes */
};

/* Worst first; each ends with a row without id. */
extern const struct finding findings_experiment[], findings_probe[], findings_connections[];
extern const struct finding finding_leak;       /* the run alone can tell: see judge_run.c */

/* Did the experiment get as far as a fault? */
bool has_begun(const struct experiment *);

/* Writes a sentence and returns true. */
bool say(char text[FINDING_TEXT], const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "11 ms", "1.7 s". Returns the buffer. */
const char *show_seconds(double seconds, char buffer[24]);

/* "1 sample", "3 samples" */
const char *show_some(unsigned n, const char *noun, char buffer[24]);

#endif
