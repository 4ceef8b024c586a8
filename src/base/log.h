/* log.h - lines for people. Any thread may log; the control thread writes.
 *
 * Lines travel through a bounded ring; what does not fit is counted and told. Before log_start and
 * after log_stop lines are written at once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL };

/* control sets it, anew where the file is read again */
extern _Atomic enum log_level log_threshold;
extern _Atomic bool log_json;           /* likewise: each line is an object */

/* "-" is standard error, else a file to append to. False: it cannot be opened, errno says why. */
bool log_open(const char *path);
/* lines go to the ring from now on; returns an eventfd that becomes readable when there are some */
int  log_start(void);
/* control: write what waits; false: not all was taken, try again a little later */
bool log_drain(void);
void log_stop(void);                    /* drain, then write at once again */
uint64_t log_lost(void);                /* lines for which there was no room, ever */

void log_line(enum log_level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) \
	do { \
		if (log_threshold <= LOG_DEBUG) \
			log_line(LOG_DEBUG, __VA_ARGS__); \
	} while (0)
#define log_info(...)     log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...)  log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...)    log_line(LOG_ERROR, __VA_ARGS__)

#endif
