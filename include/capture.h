/* Records from files of JSON lines, as `kcat -J` prints them; plain or gzip. */
#ifndef ROWSTREAM_CAPTURE_H
#define ROWSTREAM_CAPTURE_H

#include "error.h"
#include "record.h"

struct capture;

/* path "-": standard input, which cannot be opened twice. NULL and error (ERROR_INPUT) if it cannot
 * be opened. */
struct capture *capture_open(const char *path, struct error *error);
void capture_close(struct capture *capture);

/* The next record, valid until the next call. Members as kcat prints them: topic, partition,
 * offset, tstype, ts, headers (name and value alternate), key, payload; key_b64 and payload_b64
 * for bytes that are no UTF-8. ts and headers may be missing, unknown members are ignored, whatever
 * else is not as it should be is refused. 1: a record; 0: the end; -1: a line is no record or
 * reading failed, error says line and why (ERROR_INPUT); the next call goes on with the next line,
 * if there is one. error is empty when it comes in. */
int capture_next(struct capture *capture, struct record *record, struct error *error);
/* Number of the last line read, from 1. */
long capture_line(const struct capture *capture);

#endif
