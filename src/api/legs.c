/* legs.c - what the TLS of a proxy's legs has counted, for GET /info and GET /stats. */
#include "api/legs.h"

static json_t *leg_json(const struct totals *t, unsigned leg)
{
	json_int_t done = 0, failed = 0;

	for (unsigned i = 0; i < TLS_VERSIONS; i++)
		done += (json_int_t)(t->tls[leg].done[i][0] + t->tls[leg].done[i][1]);
	for (unsigned i = 0; i < TLS_REASONS; i++)
		failed += (json_int_t)t->tls[leg].failed[i];
	return json_pack("{s:I, s:I}", "handshakes", done, "failures", failed);
}

void legs_to_json(const struct spec *s, const struct totals *t, json_t *to)
{
	json_t *all = json_object();

	if (s->client_tls)
		json_object_set_new(all, "client", leg_json(t, 0));
	if (s->backend_tls)
		json_object_set_new(all, "backend", leg_json(t, 1));
	if (json_object_size(all))
		json_object_set(to, "tls", all);
	json_decref(all);
}
