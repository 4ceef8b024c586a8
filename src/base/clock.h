/* clock.h - the time: monotonic for waiting, real for people. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "vaurien.h"

vn_nsec clock_monotonic(void);          /* since an arbitrary point; never goes back */
vn_nsec clock_real(void);               /* since 1970-01-01 UTC */

#endif
