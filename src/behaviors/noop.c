/* noop - a rule that does nothing. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
}

BEHAVIOR(noop, .help = "Nothing happens; as dummy, under the name that Toxiproxy's users know", .direction = RESPONSE, .act = act)
