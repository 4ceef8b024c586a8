/* drain.h - sockets that have said all and wait for their peer's end, so that a FIN is a FIN.
 *
 * A socket closed with bytes unread sends a RST, which may destroy what the peer has not read yet. So
 * it is drained until the peer's end, for a second or a MiB at most. */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

struct worker;

void drain_start(struct worker *, int fd);     /* the descriptor passes over */
void drains_close(struct worker *);              /* all of them, now */

#endif
