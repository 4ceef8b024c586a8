/* hash.c - hashes of bytes for protocols. */
#include "base/hash.h"

#include "vaurien.h"

uint64_t vn_hash(uint64_t before, struct vn_span s)
{
	uint64_t h = hash_end(hash_add(before ? before : HASH_START, s.p, s.n));

	return h ? h : 1;               /* 0 is "none" */
}
