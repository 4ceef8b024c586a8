/* tree.h - the processes below this one, from /proc. */
#ifndef RUN_TREE_H
#define RUN_TREE_H

#include <stddef.h>
#include <sys/types.h>

/* Their numbers: the first `room` of them. Returns how many there are. Zombies are left out. */
size_t tree_list(pid_t *to, size_t room);

/* "name (123), other (124) and 3 more" */
void tree_show(const pid_t *pids, size_t n, size_t all, char *to, size_t room);

#endif
