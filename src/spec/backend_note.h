/* backend_note.h - what connections to one backend have learnt of it, for those that come later.
 *
 * It is counted by the specs of a proxy that have this backend, and shared by all threads. */
#ifndef SPEC_BACKEND_NOTE_H
#define SPEC_BACKEND_NOTE_H

#include <stdint.h>

#include "vaurien.h"

struct vn_backend_note *backend_note_make(void);        /* one reference; the number is 0 */
struct vn_backend_note *backend_note_ref(struct vn_backend_note *);
void backend_note_unref(struct vn_backend_note *);      /* NULL: there is none */

#endif
