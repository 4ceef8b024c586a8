/* measure_load.c - what the other proxies carry while one is struck: a cache that is gone or empty
 * may send all its readers to the database. */
#include "audit/measure.h"

#define STAMPEDE 3.0                    /* times the baseline's load */
#define TRICKLE  1.0                    /* exchanges per second that are no load */
#define FEW      10                     /* connections more that are no load */

void measure_load(const struct measure *m, unsigned proxy, struct load_figures *f)
{
	const struct seen_proxy *p = &m->record->proxies.at[proxy];
	struct window normal = { m->record->baseline_begun, m->record->baseline_ended };
	struct window fault = { m->strike >= 0 ? m->strike : m->fault.from, m->fault.to };
	double usual = normal.to > normal.from
		? (double)count_requests(p, normal, NULL) / (normal.to - normal.from) : 0;
	double lasted = fault.to - fault.from;
	unsigned least, most, usual_most;

	open_range(p, normal, &least, &usual_most);
	open_range(p, fault, &least, &most);
	*f = (struct load_figures){ .exchanges = -1, .connections = -1 };
	f->rate = lasted > 0 ? (double)count_requests(p, fault, NULL) / lasted : 0;
	if (usual > 0)
		f->exchanges = f->rate / usual;
	if (usual_most)
		f->connections = (double)most / usual_most;
	f->stampede = f->rate > STAMPEDE * (usual > TRICKLE ? usual : TRICKLE)
	              || (usual_most && f->connections > STAMPEDE && most > usual_most + FEW);
}
