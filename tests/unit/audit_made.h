/* audit_made.h - constructed records of an audit, for tests of its figures and findings.
 *
 * The world: proxies db (mysql) and cache (redis), probes stock (asks db once) and front (asks
 * nothing), each asked every 0.5 s, alone. The baseline lasts from 0 to 10; the experiment settles
 * from 10 on, its fault is in force from 12 to 22, and its end is at 30. */
#ifndef AUDIT_MADE_H
#define AUDIT_MADE_H

#include "audit/judge.h"
#include "audit/measure.h"

enum { STOCK, FRONT };
enum { DB, CACHE };

struct made { struct record r; struct experiment *e; double clock; };

/* The baseline and the settling are there, with connections 1 and 2 of db. */
void made_init(struct made *);
void made_free(struct made *);

/* What is not set is a read of one shape that the backend answers in 1 ms. */
struct asked {
	unsigned proxy;
	uint64_t connection, exchange;
	double at, took, ended;                 /* ended: of what has no answer */
	const char *kinds, *shape, *digest, *error;
	bool by_rule, unanswered, lost, struck, in_transaction;
};

void made_ask(struct made *, struct asked);
void made_open(struct made *, unsigned proxy, uint64_t connection, double at);
void made_close(struct made *, uint64_t connection, double at, bool noticed);
void made_fault(struct made *, const char *behavior, uint64_t connection, double at);
void made_gave_up(struct made *, uint64_t connection, uint64_t exchange, double at, double waited);

/* One sample, alone. */
void made_sample(struct made *, unsigned probe, double begun, double took, enum outcome);
/* Samples of the probe every 0.5 s from then on, before `to`. Well ones of stock ask db. */
void made_samples(struct made *, unsigned probe, double from, double to, enum outcome);
/* A fault that struck 5 times, and both probes ok from 12 to 30. */
void made_calm(struct made *);

/* Judges, and tells whether a place has the finding: "stock", "front", "connections", or "" for the
 * experiment's own. */
bool made_finds(const struct made *, const char *place, const char *id);

#endif
