/* congestion.h - how fast the kernel dares to send: on the machine's own loopback, as fast as it
 * can. */
#ifndef NET_CONGESTION_H
#define NET_CONGESTION_H

#include <stdbool.h>

/* the system's own choice spreads what it sends over time, as bbr does */
bool congestion_paces(void);
/* ... and this socket shall not, if its peer is on this machine */
void congestion_reno(int fd);

#endif
