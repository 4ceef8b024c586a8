/* dummy - everything passes as it came. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
}

VN_BEHAVIOR(dummy, .help = "Everything passes as it came", .act = act)
