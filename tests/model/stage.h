/* stage.h - a proxy in two workers with threads of their own, for stories in real time. */
#ifndef STAGE_H
#define STAGE_H

#include "engine/shard.h"
#include "engine/worker.h"

enum { STAGE_WORKERS = 2 };

struct stage {
	struct worker workers[STAGE_WORKERS];
	struct shard *shards[STAGE_WORKERS];
	struct endpoint front, back;    /* addresses of the proxy and of its backend */
	int listening;                  /* the backend's listening socket */
	const char *protocol;
};

void stage_begin(struct stage *, const char *protocol, const struct worker_config *);
/* Sends the spec to the workers, which take the reference. */
void stage_change(struct stage *, struct spec *);

/* Removes all rules, and ends the workers. */
void stage_end(struct stage *);

/* A spec without rules, and with room for some. */
struct spec *stage_spec(const struct stage *, unsigned room);
void stage_rule(struct spec *, const char *name, const char *behavior, const char *option,
                const char *value, double low, double high);

#endif
