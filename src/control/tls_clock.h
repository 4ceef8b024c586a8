/* tls_clock.h - what TLS needs of control while the program runs: new ticket keys each hour,
 * memory that goes back when a crowd has gone, and the file of --tls-keylog. */
#ifndef CONTROL_TLS_CLOCK_H
#define CONTROL_TLS_CLOCK_H

#include "base/loop.h"
#include "config/settings.h"

struct tls_clock {                      /* zero it first */
	struct timer timer, quiet;
	struct mail crowd;
	struct loop *loop;              /* NULL: not started */
};

/* Before any worker runs. False: `error` has a sentence. */
bool tls_clock_start(struct tls_clock *, struct loop *, const struct settings *,
                     char error[ERROR_MAX]);
void tls_clock_stop(struct tls_clock *);        /* when none runs */

#endif
