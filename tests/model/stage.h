/* stage.h - a proxy in two workers with threads of their own, for the stories that are told in real
 * time. */
#ifndef STAGE_H
#define STAGE_H

#include "engine/shard.h"
#include "engine/worker.h"

enum { STAGE_WORKERS = 2 };

struct stage {
	struct worker workers[STAGE_WORKERS];
	struct shard *shards[STAGE_WORKERS];
	struct endpoint front, back;    /* where clients go, and the proxy from there */
	int listening;                  /* at the back: the backends' */
	const char *protocol;
};

void stage_begin(struct stage *, const char *protocol, const struct worker_config *);
/* posted to the workers; the reference goes over */
void stage_change(struct stage *, struct spec *);
void stage_end(struct stage *);                         /* all rules go, and the workers end */

/* without rules, with room for some */
struct spec *stage_spec(const struct stage *, unsigned room);
void stage_rule(struct spec *, const char *name, const char *behavior, const char *option,
                const char *value, double low, double high);

#endif
