/* crowd.h - counts the links of all workers. When a crowd has gone, it gives memory back. */
#ifndef TLS_CROWD_H
#define TLS_CROWD_H

/* Of one link, each once; from any thread. crowd_leaves() when its memory is free. */
void crowd_joins(void);
void crowd_leaves(void);

/* From now on `gone` is called when a small crowd has gone, from the thread of its last link; it
 * sees to it that crowd_trim() is called a while later. Not again until then. NULL: nobody does, so
 * memory is given back at once. While no worker runs. */
void crowd_watch(void (*gone)(void *), void *whom);

/* Gives memory back, unless a crowd has come back. From any thread. */
void crowd_trim(void);

#endif
