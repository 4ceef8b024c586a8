/* silence.c - doors that answer no SYN, as long as the rules of a proxy want that. */
#include "run/silence.h"

#include "run/door.h"
#include "spec/gate.h"

#define INTERVAL (100 * VN_MS)          /* of looks at the gates */

static void silence_set(struct place *p, bool silent)
{
	for (int i = 0; i < 2 && silent != p->is_silent; i++)
		if (p->silent[i])
			(silent ? door_fall_silent : door_answer_again)(p->silent[i]);
	p->is_silent = silent;
}

void silence_look(struct timer *t)
{
	struct supervisor *s = OWNER(supervisor, silence, t);

	for (struct place *p = s->silent; p; p = p->silent_next)
		silence_set(p, p->carrier->gate->state == GATE_SILENT);
	timer_set(&s->loop, t, s->loop.now + INTERVAL);
}

struct door *silence_door(struct place *p, int family,
                          void (*came)(struct door *, int, const struct endpoint *))
{
	struct supervisor *s = p->supervisor;
	struct door **door = &p->silent[family == AF_INET6];

	silence_set(p, true);
	if (*door)
		return *door;
	*door = door_make(s, family, came);
	if (!*door)
		return NULL;
	(*door)->place = p;
	door_fall_silent(*door);
	if (!p->silent[family != AF_INET6]) {
		p->silent_next = s->silent;
		s->silent = p;
	}
	if (!s->silence.slot)
		timer_set(&s->loop, &s->silence, s->loop.now + INTERVAL);
	return *door;
}
