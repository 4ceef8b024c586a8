/* servers.c - what the server of a proxy names to clients, for GET /info and GET /stats. */
#include "api/servers.h"

#include "base/json.h"
#include "engine/unmapped.h"
#include "spec/topology.h"

/* "unmapped_addresses": what its server told and no proxy had; nothing if there are none. */
static void unmapped_to_json(const struct proxy *p, json_t *to)
{
	struct unmapped *u = p->table->unmapped;
	json_t *all = json_array();

	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++) {
		const struct unmapped_address *a = &u->all[i];
		const struct proxy *made = proxy_numbered(p->table, a->made);
		if (a->proxy != proxy_number(p))
			continue;
		json_t *one = json_pack("{s:o, s:s, s:I}", "address", json_text(a->key), "fate",
		                        unmapped_fates[a->fate], "times", (json_int_t)a->times);
		if (made)
			json_object_set_new(one, "proxy", json_text(proxy_spec(made)->name));
		json_array_append_new(all, one);
	}
	pthread_mutex_unlock(&u->lock);
	if (json_array_size(all))
		json_object_set(to, "unmapped_addresses", all);
	json_decref(all);
}

void servers_to_json(const struct proxy *p, json_t *to)
{
	topology_to_json(&proxy_spec(p)->topology, to);
	unmapped_to_json(p, to);
}
