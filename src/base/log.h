/* log.h - the program's log. Any thread may log; the control thread writes.
 *
 * Lines go through a bounded ring. Lines that do not fit are counted, and the count is logged.
 * Before log_start() and after log_stop() the logging thread writes its line itself. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL };

/* Set by the control thread, at the start and when the configuration is read again. */
extern _Atomic enum log_level log_threshold;
extern _Atomic bool log_json;           /* each line is a JSON object */

/* Opens a file for appending. "-" is standard error. False: errno has the reason, and the log goes
 * where it went before. */
bool log_open(const char *path);

/* Lines go to the ring from now on. Returns an eventfd that is readable when lines wait. */
int log_start(void);

/* Control thread: writes the lines that wait. False: the outlet is full; try again later. */
bool log_drain(void);

/* Drains the ring, waiting for the outlet 500 ms at most. Then lines are written at once again. */
void log_stop(void);

/* The number of lines lost since the start, because there was no room. */
uint64_t log_lost(void);

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
