/* rule_log.h - reports of what rules did or could not do: log lines and events of the journal.
 *
 * Each strike is an event, and each rule logs at most one strike a second. A rule that strikes
 * nothing is reported after 10 s of messages, and when it is removed, with the nearest message. */
#ifndef RULES_RULE_LOG_H
#define RULES_RULE_LOG_H

#include "base/journal.h"
#include "base/regex.h"
#include "rules/judgement.h"

/* Messages that a rule has not struck. Counted until it strikes, or is reported. */
struct misses {
	uint64_t n;
	vn_nsec since;                  /* time of the first */
	char nearest[96];               /* the nearest message, masked */
	bool near;                      /* it differs in upper and lower case only */
	bool over;                      /* reported, or there is nothing to report */
};

/* A rule of a plan: one worker's own. */
struct rule {
	const struct rule_spec *spec;
	const struct vn_behavior *behavior;
	struct vn_dice dice;            /* its own draws */
	struct vn_dice draw;            /* the one that decides: shared by rules of one name */
	struct regex *match;            /* NULL: all */
	/* messages that its match did not find, or of another kind ... */
	struct misses unfound;
	struct misses unfit;            /* ... that its failure does not fit ... */
	struct misses spared;           /* ... that it was in for */
	vn_nsec said;                   /* when a strike was last a line in the log */
	uint64_t unsaid;                /* strikes since */
	unsigned said_unreachable;      /* a bit for each enum unreachable that is in the log */
};

/* "VERB subject" of a message, for matching and for the log. */
struct rule_text { uint8_t p[24 + 1 + 16384]; size_t n; };

void rule_text_make(struct rule_text *, const struct vn_message *);

/* Copies the first 80 bytes of such a text, as printable ASCII with a 0 at its end. Numbers and
 * quoted strings are masked, as they may be secret. */
void rule_text_mask(struct vn_span text, char *to, size_t size);

/* `first`: of this exchange. */
void rule_log_strike(const char *proxy, struct rule *, const struct question *,
                     const struct vn_verdict *, const struct vn_failure *, bool first);

enum unreachable {                      /* why a rule could not strike */
	UNREACHABLE_RAW, UNREACHABLE_NO_FAILURES, UNREACHABLE_UNKNOWN, UNREACHABLE_MATCH,
	UNREACHABLE_LIMITED, UNREACHABLE_PLAIN, UNREACHABLE_NO_ALPN,
};

/* Counts it in the rule's counters, and reports it: an event each, a log line for each reason.
 * `limit`: the protocol's own sentence, for UNREACHABLE_LIMITED; else NULL. */
void rule_log_unreachable(const char *proxy, struct rule *, const struct question *,
                          enum unreachable, const char *limit);

/* Notes a message: the match did not find it, or it is of another kind; the failure does not fit
 * it; the rule is in. */
void rule_log_unfound(const char *proxy, struct rule *, const struct question *,
                      const struct rule_text *);
void rule_log_unfit(const char *proxy, struct rule *, const struct question *);
void rule_log_in(const char *proxy, struct rule *, const struct question *, struct rule_text *);

/* Reports the misses of a rule that has struck nothing. */
void rule_log_misses(const char *proxy, struct rule *);

#endif
