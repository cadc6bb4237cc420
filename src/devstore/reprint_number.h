/* JSON numbers as Newtonsoft.Json on .NET reads and prints them. */
#ifndef DEVSTORE_REPRINT_NUMBER_H
#define DEVSTORE_REPRINT_NUMBER_H

#include "strbuf.h"
#include "util.h"

/* Adds the number of this literal; infinities and NaN come out as strings. False if it is none. */
bool reprint_number(struct span literal, struct strbuf *out);
/* Adds the shortest text that reads back to value, as double.ToString("R") writes it, with ".0"
 * where it would look like an integer. */
void reprint_double(double value, struct strbuf *out);

#endif
