/* stats.c - counters of one proxy in one worker, and their sums. */
#include "engine/stats.h"

_Atomic bool errors_wanted;

const struct close_reason_name close_reason_names[CLOSE_REASONS] = {
	[CLOSE_REASON_BOTH] = { "both_ended", "both sides have ended" },
	[CLOSE_REASON_CLIENT_RESET] = { "client_reset", "reset by the client" },
	[CLOSE_REASON_BACKEND_RESET] = { "backend_reset", "reset by the backend" },
	[CLOSE_REASON_BACKEND_ENDED] = { "backend_ended",
		"the backend has ended before an end could take its turn" },
	[CLOSE_REASON_NO_BACKEND] = { "no_backend", "the backend cannot be reached" },
	[CLOSE_REASON_RULE_CLOSED] = { "rule_closed", "closed by a rule" },
	[CLOSE_REASON_RULE_RESET] = { "rule_reset", "reset by a rule" },
	[CLOSE_REASON_RULE_REMOVED] = { "rule_removed", "closed by a rule that was removed" },
	[CLOSE_REASON_GONE] = { "client_gone", "its client has left and a rule holds the rest" },
	[CLOSE_REASON_IDLE] = { "idle", "idle" },
	[CLOSE_REASON_LOST] = { "lost", "the answer to a refused request is not understood" },
	[CLOSE_REASON_SHUT] = { "proxy_shut", "its proxy was disabled, deleted or moved" },
	[CLOSE_REASON_STOP] = { "proxy_stops", "the proxy stops" },
	[CLOSE_REASON_API] = { "api", "ended through the API" },
	[CLOSE_REASON_CLIENT_TLS] = { "client_tls", "TLS with the client has failed" },
	[CLOSE_REASON_BACKEND_TLS] = { "backend_tls", "TLS with the backend has failed" },
	[CLOSE_REASON_EVICTED] = { "evicted", "it was idle longest, and there were too many" },
};

const char *const datagram_loss_names[DATAGRAM_LOSSES] = {
	[LOSS_KERNEL] = "kernel", [LOSS_SOCKET] = "socket_full", [LOSS_REFUSED] = "refused",
	[LOSS_SIZE] = "too_big", [LOSS_NETWORK] = "network", [LOSS_HELD] = "too_many_held",
	[LOSS_LINE] = "bandwidth", [LOSS_BACKEND] = "no_backend",
};

uint64_t totals_waiting(const struct totals *t)
{
	uint64_t over = t->n[STAT_ABANDONED];

	for (unsigned i = 0; i <= BOUNDS; i++)
		over += t->answered.n[i];
	return (t->n[STAT_ASKED] > over ? t->n[STAT_ASKED] - over : 0) + t->n[STAT_TURNS];
}

static void totals_add_tls(struct totals *to, const struct stats *s)
{
	for (unsigned leg = 0; leg < 2; leg++) {
		const struct tls_stats *t = &s->tls[leg];
		for (unsigned v = 0; v < TLS_VERSIONS; v++)
			for (unsigned resumed = 0; resumed < 2; resumed++)
				to->tls[leg].done[v][resumed] += count_get(&t->done[v][resumed]);
		for (unsigned i = 0; i < TLS_REASONS; i++)
			to->tls[leg].failed[i] += count_get(&t->failed[i]);
		to->tls[leg].truncated += count_get(&t->truncated);
	}
	fine_wide_add(&to->tls_time, &s->tls_time);
}

void totals_add(struct totals *to, const struct stats *s)
{
	for (unsigned i = 0; i < STAT_COUNTERS; i++)
		to->n[i] += count_get(&s->n[i]);
	for (unsigned i = 0; i < CLOSE_REASONS; i++)
		to->ended[i] += count_get(&s->ended[i]);
	for (unsigned i = 0; i < DATAGRAM_LOSSES; i++)
		to->lost[i] += count_get(&s->lost[i]);
	to->held += count_get(&s->held);
	fine_wide_add(&to->answered, &s->answered);
	totals_add_tls(to, s);
}
