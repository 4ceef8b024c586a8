/* judge_cells.h - the parts of an experiment in the report: phases, cells of probes, series. */
#ifndef AUDIT_JUDGE_CELLS_H
#define AUDIT_JUDGE_CELLS_H

#include <jansson.h>

#include "audit/finding.h"

/* A JSON number, rounded to microseconds; null: it is negative. */
json_t *seconds_json(double seconds);

/* These return new values; the caller owns them. */
json_t *phases_json(const struct experiment *);
json_t *cell_json(const struct measure *, unsigned probe, const struct probe_figures *);
json_t *connections_json(const struct connection_figures *);
json_t *retries_json(const struct retry_figures *);
json_t *timeouts_json(const struct timeout_figures *connect, const struct timeout_figures *request);
json_t *load_json(const struct measure *);
json_t *series_json(const struct measure *);

#endif
