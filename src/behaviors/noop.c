/* noop - a rule that does nothing. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
}

VN_BEHAVIOR(noop, .help = "Nothing happens; as dummy, under the name that Toxiproxy's users know", .direction = VN_RESPONSE, .act = act)
