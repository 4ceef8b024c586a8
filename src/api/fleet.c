/* fleet.c - GET /fleet: the members and the rules of the fleet that this program is in. */
#include <stdlib.h>

#include "api/router.h"
#include "base/memory.h"
#include "fleet/fleet.h"

struct fleet_request { struct fleet_query query; struct request *request; };

static void answered(struct fleet_query *q, const json_t *all, const char *error)
{
	struct fleet_request *question = OWNER(fleet_request, query, q);

	if (error)
		request_error(question->request, 503, "url", "fleet", error);
	else
		request_answer(question->request, 200, json_incref((json_t *)all));
	free(question);
}

static void get_fleet(struct request *r)
{
	struct fleet *f = fleet_here();

	if (!f) {
		request_error(r, 404, "url", "fleet", "this program is in no fleet: see --fleet");
		return;
	}
	struct fleet_request *q = xcalloc(1, sizeof *q);
	*q = (struct fleet_request){ { .done = answered }, r };
	fleet_query(f, &q->query);
}

static const struct route routes[] = {
	{ "GET", "/fleet", get_fleet, .needs_none = true },
	{ NULL },
};

DIALECT(fleet, .routes = routes)
