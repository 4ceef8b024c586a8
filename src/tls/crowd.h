/* crowd.h - counts the links of all workers. When a crowd has gone, it gives memory back. */
#ifndef TLS_CROWD_H
#define TLS_CROWD_H

/* Of one link, each once; from any thread. crowd_leaves() when its memory is free. */
void crowd_joins(void);
void crowd_leaves(void);

#endif
