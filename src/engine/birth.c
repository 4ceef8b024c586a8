/* birth.c - connections that are born with their sockets: others accept for a proxy. */
#include "engine/birth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "net/socket.h"
#include "rules/plan.h"

static void reset(int fd)
{
	if (fd < 0)
		return;
	socket_reset_on_close(fd);
	close(fd);
}

void birth_free(struct birth *b)
{
	if (!b)
		return;
	reset(b->client);
	reset(b->backend);
	free(b);
}

/* ---- the gate ---- */

/* True: rules decide before the backend has a part in the connection. */
static bool acts_on_opening(const struct plan *p)
{
	return plan_on(p, VN_ON_OPEN) || p->at_accept ||
	       (p->refuses && p->spec->protocol->server_first);
}

static enum gate_state state_wanted(const struct shard *p)
{
	enum vn_end end = shard_spec(p)->enabled ? plan_listen(p->plan, false) : VN_CLOSE;

	return end == VN_CLOSE ? GATE_CLOSED : end == VN_VANISH ? GATE_SILENT : GATE_OPEN;
}

void birth_gate_set(struct shard *p, bool gone)
{
	struct gate *g = shard_spec(p)->gate;

	if (!g || p->worker->index)
		return;
	g->opening = acts_on_opening(p->plan);
	g->moved = strcmp(g->backend, shard_spec(p)->backend.text) != 0;
	g->state = gone ? GATE_GONE : state_wanted(p);
}
