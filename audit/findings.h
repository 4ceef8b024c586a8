/* findings.h - all findings, by their ids. */
#ifndef AUDIT_FINDINGS_H
#define AUDIT_FINDINGS_H

#include "audit/finding.h"

/* NULL: there is none of this id. */
const struct finding *finding_find(const char *id);

#endif
