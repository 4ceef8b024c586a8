/* rule_log.h - what rules did, or failed to do, as lines of the log and events of the journal.
 *
 * A strike is a line a second for each rule, and an event each. A rule that strikes nothing is reported
 * after 10 s of messages, and when it goes, with the message that came nearest. */
#ifndef ENGINE_RULE_LOG_H
#define ENGINE_RULE_LOG_H

#include "base/regex.h"
#include "engine/journal.h"
#include "engine/judgement.h"

struct misses {                         /* messages that a rule does not strike, as long as it strikes none */
	uint64_t n;
	vn_nsec since;                  /* of the first */
	char nearest[96];               /* of them, masked */
	bool near;                      /* all but the case of its letters is right */
	bool over;                      /* reported, or there is nothing to report */
};

struct rule {                           /* of a plan: one worker's own */
	const struct rule_spec *spec;
	const struct vn_behavior *behavior;
	struct vn_dice dice;            /* its own draws */
	struct vn_dice draw;            /* the one that decides: shared by rules of one name */
	struct regex *match;            /* NULL: all */
	struct misses unfound;          /* messages that its match did not find ... */
	struct misses unfit;            /* ... that its failure does not fit ... */
	struct misses spared;           /* ... that it was in for */
	vn_nsec said;                   /* when a strike was last a line in the log */
	uint64_t unsaid;                /* strikes since */
	unsigned said_unreachable;      /* a bit for each enum unreachable that is in the log */
};

/* "VERB subject" of a message, for matching and for the log. */
struct rule_text { uint8_t p[24 + 1 + 16384]; size_t n; };

void rule_text_make(struct rule_text *, const struct vn_message *);

void rule_log_strike(const char *proxy, struct rule *, const struct question *, const struct vn_verdict *,
                     const struct vn_failure *, bool first);    /* `first`: of this exchange */
/* A rule could not strike. It is counted, and reported: an event each, a line for each reason. `limit`: the protocol's
 * own sentence, for UNREACHABLE_LIMITED; else NULL. */
enum unreachable {
	UNREACHABLE_RAW, UNREACHABLE_NO_FAILURES, UNREACHABLE_UNKNOWN, UNREACHABLE_MATCH, UNREACHABLE_LIMITED,
};
void rule_log_unreachable(const char *proxy, struct rule *, const struct question *, enum unreachable, const char *limit);

/* The rule looked at this message: its match did not find it; its failure does not fit it; it is in for it. */
void rule_log_unfound(const char *proxy, struct rule *, const struct question *, const struct rule_text *);
void rule_log_unfit(const char *proxy, struct rule *, const struct question *);
void rule_log_in(const char *proxy, struct rule *, const struct question *, struct rule_text *);

void rule_log_misses(const char *proxy, struct rule *); /* reports what it never struck, if that is so */

#endif
