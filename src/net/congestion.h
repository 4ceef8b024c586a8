/* congestion.h - how fast the kernel dares to send: on the machine's own loopback, as fast as it can. */
#ifndef NET_CONGESTION_H
#define NET_CONGESTION_H

#include <stdbool.h>

bool congestion_paces(void);            /* the system's own choice spreads what it sends over time, as bbr does */
void congestion_reno(int fd);           /* ... and this socket shall not, if its peer is on this machine */

#endif
