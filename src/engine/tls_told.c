/* tls_told.c - what is told of a connection's TLS: counters, events, lines of the log. */
#include "engine/tls_told.h"

#include <string.h>

#include "base/journal.h"
#include "base/log.h"
#include "tls/alert.h"
#include "tls/link.h"

static struct tls_stats *stats_of(struct conn *c, unsigned leg)
{
	return &c->shard->stats.tls[leg == VN_LEG_BACKEND];
}

static const char *leg_name(unsigned leg)
{
	return leg == VN_LEG_CLIENT ? "client" : "backend";
}

static void tell_begin(struct journal_entry *n, struct conn *c, unsigned leg, const char *outcome)
{
	journal_begin(n, JOURNAL_TLS, conn_loop(c)->now, shard_spec(c->shard)->name);
	journal_count(n, "connection", c->number);
	journal_text(n, "leg", leg_name(leg));
	journal_text(n, "outcome", outcome);
}

static void text_or_null(struct journal_entry *n, const char *key, const char *text)
{
	if (text[0])
		journal_text(n, key, text);
	else
		journal_null(n, key);
}

static SELDOM void tell_done(struct conn *c, unsigned leg, const struct tls_about *a)
{
	struct journal_entry n;

	tell_begin(&n, c, leg, "done");
	journal_text(&n, "version", a->version);
	journal_text(&n, "cipher", a->cipher);
	text_or_null(&n, "alpn", a->alpn);
	text_or_null(&n, "server_name", a->name);
	journal_is(&n, "resumed", a->resumed);
	text_or_null(&n, "peer", a->peer);
	journal_is(&n, "verified", a->verified);
	journal_write(&n);
}

void tls_told_done(struct conn *c, unsigned leg, vn_nsec since)
{
	struct tls_stats *s = stats_of(c, leg);
	struct side *side = leg == VN_LEG_CLIENT ? &c->client : &c->backend;
	struct tls_about a;

	tls_link_about(side->tls, &a);
	count_add(&s->done[tls_version_index(a.version)][a.resumed], 1);
	fine_note(&c->shard->stats.tls_time, conn_loop(c)->now - since);
	log_debug("tls proxy=%s connection=%llu leg=%s version=%s cipher=%s resumed=%s",
	          shard_spec(c->shard)->name, (unsigned long long)c->number, leg_name(leg),
	          a.version, a.cipher, a.resumed ? "yes" : "no");
	if (journal_wants(JOURNAL_TLS))
		tell_done(c, leg, &a);
}

/* A client that does not know our CA: its user needs one line, not one for each connection. */
static void hint(struct conn *c, const char *reason)
{
	bool distrust = !strcmp(reason, "unknown_ca") || !strcmp(reason, "bad_certificate") ||
	                !strcmp(reason, "certificate_unknown");

	if (c->shard->hinted || !distrust)
		return;
	c->shard->hinted = true;
	log_warning("proxy=%s: a client does not trust the proxy's certificate: give it the CA's, "
	            "which `vaurienctl ca` prints",
	            shard_spec(c->shard)->name);
}

/* What OpenSSL's words mean here. */
static const char *meaning(unsigned leg, const char *why)
{
	static const struct { unsigned leg; const char *why, *means; } known[] = {
		{ VN_LEG_CLIENT, "wrong version number", " (the client does not speak TLS)" },
		{ VN_LEG_BACKEND, "wrong version number", " (the backend does not speak TLS)" },
		{ VN_LEG_BACKEND, "unable to get local issuer certificate",
		  " (backend_tls_ca names the file of a CA of your own)" },
		{ VN_LEG_BACKEND, "self-signed certificate",
		  " (backend_tls_ca names the file of a CA of your own)" },
		{ VN_LEG_BACKEND, "hostname mismatch",
		  " (backend_tls_name is the name that is expected)" },
		{ VN_LEG_BACKEND, "IP address mismatch",
		  " (backend_tls_name is the name that is expected)" },
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (leg == known[i].leg && strstr(why, known[i].why))
			return known[i].means;
	return "";
}

static SELDOM void tell_failed(struct conn *c, unsigned leg, const char *reason, const char *why)
{
	struct journal_entry n;

	tell_begin(&n, c, leg, "failed");
	journal_text(&n, "reason", reason);
	journal_text(&n, "why", why);
	journal_write(&n);
}

void tls_told_failed(struct conn *c, unsigned leg, const char *reason, const char *why)
{
	count_add(&stats_of(c, leg)->failed[tls_reason_index(reason)], 1);
	log_warning("tls proxy=%s connection=%llu leg=%s: TLS with the %s has failed (%s): %s%s",
	            shard_spec(c->shard)->name, (unsigned long long)c->number, leg_name(leg),
	            leg_name(leg), reason, why, meaning(leg, why));
	if (leg == VN_LEG_CLIENT)
		hint(c, reason);
	if (journal_wants(JOURNAL_TLS))
		tell_failed(c, leg, reason, why);
}

void tls_told_plain(struct conn *c)
{
	if (c->no_tls)
		return;
	c->no_tls = true;
	count_add(&stats_of(c, VN_LEG_CLIENT)->failed[tls_reason_index("refused")], 1);
	if (!c->shard->told_plain)
		log_warning("tls proxy=%s connection=%llu leg=client: a client without TLS is "
		            "rejected, as client_tls is require; its error is not the backend's",
		            shard_spec(c->shard)->name, (unsigned long long)c->number);
	c->shard->told_plain = true;
	if (journal_wants(JOURNAL_TLS))
		tell_failed(c, VN_LEG_CLIENT, "refused", TLS_TOLD_PLAIN);
}

void tls_told_truncated(struct conn *c, unsigned leg)
{
	struct journal_entry n;

	count_add(&stats_of(c, leg)->truncated, 1);
	log_debug("tls proxy=%s connection=%llu leg=%s: the stream has ended without close_notify",
	          shard_spec(c->shard)->name, (unsigned long long)c->number, leg_name(leg));
	if (!journal_wants(JOURNAL_TLS))
		return;
	tell_begin(&n, c, leg, "truncated");
	journal_write(&n);
}
