/* trace.h - what readers of events want to know of one exchange.
 *
 * Made only while somebody reads such events. It belongs to its exchange, then perhaps to the
 * parcel with the last bytes of the answer, and is freed when its event is written. Worker's thread
 * only. */
#ifndef ENGINE_TRACE_H
#define ENGINE_TRACE_H

#include "rules/judgement.h"

struct plan;

struct trace {
	uint64_t connection, number;
	char verb[24];
	unsigned is;                    /* VN_IS_... bits */
	bool spoken;                    /* it has a shape and a digest */
	uint64_t shape, digest;         /* `digest` is still being added to while `hearing` */
	size_t skip;                    /* bytes of the request that are not part of the digest */
	vn_nsec asked, answered;        /* monotonic, of the last byte; answered 0: not yet */
	enum { BY_NOBODY, BY_BACKEND, BY_RULE } by;
	char *rule;                     /* BY_RULE: its name; NULL: the protocol itself refused */
	char *rules; size_t rules_n;    /* names of those that struck it, a 0 behind each */
	char code[VN_CODE_MAX];         /* of the answer, which is an error; "": it is none */
	bool lost;                      /* the backend's answer came, and a rule discarded it */
	bool in_transaction, knows;     /* behind the answer; `knows`: the protocol knows */
	bool gave_up;                   /* the client did, and that is told */
};

struct trace *trace_make(uint64_t connection, uint64_t exchange, const struct vn_message *,
                         vn_nsec now);
void trace_free(struct trace *);                        /* NULL is allowed */

/* Set shape and digest, of the verb and the subject; `names`: see struct mask. The digest goes on
 * with the bytes of the request behind the first `skip`. */
void trace_speak(struct trace *, const struct vn_message *, bool names, uint64_t before,
                 size_t skip);
void trace_hear(struct trace *, const uint8_t *bytes, size_t n);

/* Note the names of these rules, once each. */
void trace_rules(struct trace *, const struct plan *, ruleset struck);

/* Write its event, as of now, if somebody wants it. */
void trace_write(const struct trace *, const char *proxy, vn_nsec now);

#endif
