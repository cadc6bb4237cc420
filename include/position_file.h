/* A file that remembers how far a stream was read: written as a whole, so that a process that is
 * killed leaves the position before or the one after. */
#ifndef ROWSTREAM_POSITION_FILE_H
#define ROWSTREAM_POSITION_FILE_H

#include "error.h"
#include "util.h"

#define POSITION_BYTES 40 /* with NUL */

/* The position kept for this stream; "" where there is no such file. False and error (ERROR_INPUT):
 * it cannot be read, is no position file, or is of another stream. */
bool position_file_read(
	const char *path, const char *stream, char position[POSITION_BYTES], struct error *error);
/* One line, "<position> <stream>". False and error (ERROR_INPUT, ERROR_FATAL). */
bool position_file_write(
	const char *path, const char *stream, const char *position, struct error *error);

#endif
