/* stats.c - counters with one writer each, summed by whoever asks. */
#include "engine/stats.h"

const struct close_reason_name close_reason_names[CLOSE_REASONS] = {
	[CLOSE_REASON_BOTH]          = { "both_ended",    "both sides have ended" },
	[CLOSE_REASON_CLIENT_RESET]  = { "client_reset",  "reset by the client" },
	[CLOSE_REASON_BACKEND_RESET] = { "backend_reset", "reset by the backend" },
	[CLOSE_REASON_BACKEND_ENDED] = { "backend_ended", "the backend has ended before an end could take its turn" },
	[CLOSE_REASON_NO_BACKEND]    = { "no_backend",    "the backend cannot be reached" },
	[CLOSE_REASON_RULE_CLOSED]   = { "rule_closed",   "closed by a rule" },
	[CLOSE_REASON_RULE_RESET]    = { "rule_reset",    "reset by a rule" },
	[CLOSE_REASON_RULE_REMOVED]  = { "rule_removed",  "closed by a rule that was removed" },
	[CLOSE_REASON_GONE]          = { "client_gone",   "its client has left and a rule holds the rest" },
	[CLOSE_REASON_IDLE]          = { "idle",          "idle" },
	[CLOSE_REASON_LOST]          = { "lost",          "the answer to a refused request is not understood" },
	[CLOSE_REASON_SHUT]          = { "proxy_shut",    "its proxy was disabled, deleted or moved" },
	[CLOSE_REASON_STOP]          = { "proxy_stops",   "the proxy stops" },
	[CLOSE_REASON_API]           = { "api",           "ended through the API" },
};

#define US VN_US
#define MS VN_MS

const vn_nsec histogram_bounds[BOUNDS] = {
	50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
	500 * MS, 1000 * MS, 2500 * MS, 5000 * MS, 10000 * MS, 30000 * MS, 60000 * MS, 300000 * MS,
};

/* Most are where the latest was. */
void histogram_note(struct histogram *h, vn_nsec took)
{
	unsigned i = h->latest;

	while (i && took <= histogram_bounds[i - 1])
		i--;
	while (i < BOUNDS && took > histogram_bounds[i])
		i++;
	h->latest = i;
	count_add(&h->n[i], 1);
	count_add(&h->sum, took > 0 ? (uint64_t)took : 0);
}

static uint64_t get(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

void histogram_totals_add(struct histogram_totals *to, const struct histogram *h)
{
	for (unsigned i = 0; i <= BOUNDS; i++)
		to->n[i] += get(&h->n[i]);
	to->sum += get(&h->sum);
}

void totals_add(struct totals *to, const struct stats *s)
{
	for (unsigned i = 0; i < STAT_COUNTERS; i++)
		to->n[i] += get(&s->n[i]);
	for (unsigned i = 0; i < CLOSE_REASONS; i++)
		to->ended[i] += get(&s->ended[i]);
	to->held += get(&s->held);
	histogram_totals_add(&to->answered, &s->answered);
}
