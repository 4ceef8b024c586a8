/* metric.h - the values of metrics that conditions of scenarios ask for, from the record so far. */
#ifndef AUDIT_METRIC_H
#define AUDIT_METRIC_H

#include "audit/condition.h"
#include "audit/record.h"

/* All kinds but METRIC_CLOCK. False: it has no value since `since`, or its proxy or probe is
 * unknown. */
bool metric_value(const struct record *, const struct metric *, double since, double now,
                  double *value);

#endif
