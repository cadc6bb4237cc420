/* One change of a row, or the row as its last change left it, packed to be kept in a row_store. */
#ifndef ROWSTREAM_ROW_RECORD_H
#define ROWSTREAM_ROW_RECORD_H

#include "row_event.h"
#include "source_position.h"

struct row_record {
	struct span stream;
	struct span origin; /* whose row it is: source name and table */
	struct change_place place;
	struct span txid;
	struct span image; /* columns, compact JSON; of a deleted row the last ones; may be null */
	int64_t revision;
	int64_t valid_from; /* milliseconds; -1 unknown */
	int64_t count;	    /* of a table without a key: how many such rows there are */
	char op;
	bool lives;
};

/* What event says of itself, without an image; one row. origin: the memory of record's. */
struct row_record row_record_of(
	const struct row_event *event, int64_t sequence, struct strbuf *origin);

/* Only this process, or one of the same build, can unpack it. Replaces what out held. */
void row_record_pack(const struct row_record *record, struct strbuf *out);
/* record's texts point into bytes. */
void row_record_unpack(struct span bytes, struct row_record *record);

#endif
