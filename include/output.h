/* Where results go: standard output, or a file that is there whole or not at all. */
#ifndef ROWSTREAM_OUTPUT_H
#define ROWSTREAM_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "error.h"

struct output;

/* path NULL or "-": standard output. Else a temporary file beside path, which takes its name when
 * all is written, and is removed when Ctrl-C ends the program. NULL and error (ERROR_INPUT) if it
 * cannot be made. */
struct output *output_open(const char *path, struct error *error);
FILE *output_file(struct output *output);
/* whole: flushes, to the disk where it is a file, and gives the file its name; else the file is
 * removed. Frees output in any case. False and error (ERROR_FATAL) if something could not be
 * written: a full disk, a reader that is gone. */
bool output_close(struct output *output, bool whole, struct error *error);

#endif
