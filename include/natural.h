/* The order in which people look for names: numbers in them by their value. */
#ifndef ROWSTREAM_NATURAL_H
#define ROWSTREAM_NATURAL_H

#include "util.h"

/* Under, over or 0: "row-9" stands before "row-10", and "-" before a number in a key is a minus
 * only to the eye. Runs of ASCII digits are compared as numbers of any length, all else byte by
 * byte. A total order: 0 only for equal bytes ("1" and "01" differ by their bytes at last). */
int natural_order(struct span a, struct span b);

#endif
