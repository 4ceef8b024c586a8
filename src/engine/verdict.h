/* verdict.h - verdicts of several rules made one, bounded, and shown. */
#ifndef ENGINE_VERDICT_H
#define ENGINE_VERDICT_H

#include "vaurien.h"

void verdict_fold(struct vn_verdict *into, const struct vn_verdict *);  /* per field: the worse of both, times added */
bool verdict_calm(const struct vn_verdict *);   /* it changes nothing */
void verdict_clamp(struct vn_verdict *);        /* what a guest returns is taken for what it can mean at most */
const char *verdict_show(const struct vn_verdict *, const struct vn_failure *, char *buffer, size_t size);

#endif
