/* findings.c - finds a finding by its id, in all tables. */
#include "audit/findings.h"

#include <string.h>

const struct finding *finding_find(const char *id)
{
	static const struct finding *const tables[] = {
		findings_experiment, findings_probe, findings_connections,
	};

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		for (const struct finding *f = tables[i]; f->id; f++)
			if (!strcmp(f->id, id))
				return f;
	return strcmp(finding_leak.id, id) ? NULL : &finding_leak;
}
