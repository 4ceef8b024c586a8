/* behavior_group.c - the groups of behaviors, in the order in which lists show them. */
#include "spec/behavior_group.h"

#include <stddef.h>

#include "spec/registry.h"

const struct behavior_group behavior_groups[] = {
	{ "time", "Time", "Messages or bytes arrive late", VN_GROUP_TIME },
	{ "errors", "Errors", "Requests get errors of the server", VN_GROUP_ERRORS },
	{ "connection", "Connection", "Connections end, or nothing passes on them",
	  VN_GROUP_CONNECTION },
	{ "bytes", "Bytes", "Bytes are changed, missing or cut off", VN_GROUP_BYTES },
	{ "rate", "Rate", "Bytes arrive slowly, or in small pieces", VN_GROUP_RATE },
	{ "tls", "TLS", "Handshakes and records of TLS are broken", VN_GROUP_TLS },
	{ "others", "Others", "Nothing changes; also plugins without a group", VN_GROUP_NONE },
	{ 0 }
};

const struct vn_behavior *behavior_group_next(const struct behavior_group *g,
                                              const struct vn_behavior *previous)
{
	size_t n, i = 0;
	const struct vn_behavior *const *all = behaviors_all(&n);

	while (previous && i < n && all[i++] != previous)
		;
	while (i < n && all[i]->group != g->group)
		i++;
	return i < n ? all[i] : NULL;
}
