/* Log lines on standard error: one event a line, key=value, JSON, or text on a terminal. */
#ifndef ROWSTREAM_LOG_H
#define ROWSTREAM_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_KEY_VALUE, LOG_JSON };

void log_setup(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/* One line: time, level, message, then pairs of name and value. Names come from a fixed list
 * (topic, partition, offset, stream, error, ...); values are C strings, quoted where they need
 * it; a NULL value leaves its pair out; the list ends with a NULL name. Never row data above
 * LOG_DEBUG, never a secret. */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));
/* A message and nothing else, formatted. */
void log_text(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text of a number for log_line, in one of a few static buffers: good until eight more calls. */
const char *log_number(long long value);

/* The progress line at the terminal's foot, rewritten in place; NULL removes it. Log lines move
 * it down instead of breaking it. Does nothing where standard error is no terminal. */
void log_progress(const char *text);
bool log_is_terminal(void);

#endif
