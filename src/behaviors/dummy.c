/* dummy - everything passes as it came. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
}

BEHAVIOR(dummy, .help = "Everything passes as it came", .act = act)
