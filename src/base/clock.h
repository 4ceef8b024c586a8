/* clock.h - monotonic time for waiting, real time for people, a thread's own for limits.
 *
 * Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "vaurien.h"

vn_nsec clock_monotonic(void);          /* ns since an arbitrary point; never goes back */
vn_nsec clock_real(void);               /* ns since 1970-01-01 UTC */
vn_nsec clock_thread(void);             /* ns of processor time that this thread has used */

#endif
