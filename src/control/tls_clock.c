/* tls_clock.c - what TLS needs of control while the program runs. */
#include "control/tls_clock.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "tls/crowd.h"
#include "tls/keylog.h"
#include "tls/tickets.h"

static const vn_nsec QUIET = VN_S;      /* after a crowd has gone; waves come sooner */

static void quiet(struct timer *t)
{
	crowd_trim();
}

static void crowd_went(struct mail *m)
{
	struct tls_clock *c = OWNER(tls_clock, crowd, m);

	timer_set(c->loop, &c->quiet, c->loop->now + QUIET);
}

/* In a worker's thread. The mail is not under way: crowd_trim() has been called since. */
static void crowd_goes(void *clock)
{
	struct tls_clock *c = clock;

	loop_post(c->loop, &c->crowd);
}

static void tick(struct timer *t)
{
	struct tls_clock *c = OWNER(tls_clock, timer, t);

	if (tls_tickets_used())
		tls_tickets_renew();
	timer_set(c->loop, t, c->loop->now + TICKETS_SECONDS * VN_S);
}

bool tls_clock_start(struct tls_clock *c, struct loop *loop, const struct settings *s,
                     char error[ERROR_MAX])
{
	char shown[200];

	if (s->tls.keylog && !tls_keylog_open(s->tls.keylog)) {
		error_format(error, "tls_keylog: cannot write to %s: %s",
		             text_printable(s->tls.keylog, shown, sizeof shown), strerror(errno));
		return false;
	}
	if (s->tls.keylog)
		log_warning("the secrets of all TLS connections are written to %s",
		            text_printable(s->tls.keylog, shown, sizeof shown));
	c->loop = loop;
	c->timer.fire = tick;
	c->quiet.fire = quiet;
	c->crowd.open = crowd_went;
	crowd_watch(crowd_goes, c);
	timer_set(loop, &c->timer, loop->now + TICKETS_SECONDS * VN_S);
	return true;
}

void tls_clock_stop(struct tls_clock *c)
{
	crowd_watch(NULL, NULL);
	if (c->loop) {
		timer_stop(c->loop, &c->timer);
		timer_stop(c->loop, &c->quiet);
	}
	tls_keylog_close();
}
