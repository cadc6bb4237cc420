/* Points in time as people write them, RFC 3339 and shorter forms. */
#ifndef ROWSTREAM_TIMESTAMP_H
#define ROWSTREAM_TIMESTAMP_H

#include "util.h"

#define TIMESTAMP_BYTES 32

/* "2026-11-26", "2026-11-26T06:15", "… 06:15:07.36", each with "Z" or "+02:00" behind a time, UTC
 * without; or milliseconds since 1970 as digits (at least nine). Proleptic Gregorian years 0 to
 * 9999; digits past the milliseconds are cut off. */
bool timestamp_parse(struct span text, int64_t *ms);
/* "2026-11-26T06:15:07.360Z"; the number itself outside the years 0 to 9999. */
void timestamp_format(int64_t ms, char text[TIMESTAMP_BYTES]);

#endif
