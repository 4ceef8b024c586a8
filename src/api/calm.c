/* calm.c - POST /calm: all rules of all proxies are disabled, and what they hold is let go. */
#include <stdlib.h>

#include "api/router.h"
#include "base/log.h"
#include "base/memory.h"

/* One request. It is answered when each worker has each change. */
struct calm {
	struct waiter waiter;           /* of all the changes */
	struct request *request;
	unsigned under_way;             /* changes, and one until all have begun */
	json_int_t rules, proxies;      /* that were disabled, and whose they are */
};

static void calm_done(struct waiter *w)
{
	struct calm *c = OWNER(calm, waiter, w);

	if (--c->under_way)
		return;
	log_info("all calm: %lld rules of %lld proxies are disabled", (long long)c->rules,
	         (long long)c->proxies);
	request_answer(c->request, 200, json_pack("{s:s, s:I, s:I}", "status", "ok",
	                                          "rules", c->rules, "proxies", c->proxies));
	free(c);
}

static unsigned rules_on(const struct spec *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_rules; i++)
		n += !s->rules[i].off;
	return n;
}

static void post_calm(struct request *r)
{
	struct control *control = request_control(r);
	struct calm *c = xcalloc(1, sizeof *c);

	*c = (struct calm){ .waiter = { calm_done, request_client(r) }, .request = r,
	                    .under_way = 1 };
	for (size_t i = 0; i < control_proxy_count(control); i++) {
		struct proxy *p = control_proxy(control, i);
		unsigned on = rules_on(proxy_spec(p));
		struct spec *to = spec_with_rules_enabled(proxy_spec(p), NULL, false);
		if (!to)
			continue;
		c->rules += on;
		c->proxies++;
		c->under_way++;
		control_change(control, p, to, &c->waiter);
	}
	calm_done(&c->waiter);
}

static const struct route routes[] = {
	{ "POST", "/calm", post_calm, false },
	{ NULL },
};

DIALECT(calm, .routes = routes)
