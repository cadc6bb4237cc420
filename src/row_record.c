/* Packs records: the struct as it is, then its texts. */
#include "row_record.h"

#include <stddef.h>
#include <string.h>

#define TEXTS 6
/* No padding stands before the last member's end: what is written was set. */
#define FIXED_BYTES (offsetof(struct row_record, lives) + sizeof(bool))

static void texts_of(struct row_record *record, struct span *texts[TEXTS])
{
	texts[0] = &record->stream;
	texts[1] = &record->origin;
	texts[2] = &record->place.connector;
	texts[3] = &record->place.position;
	texts[4] = &record->txid;
	texts[5] = &record->image;
}

struct row_record row_record_of(
	const struct row_event *event, int64_t sequence, struct strbuf *origin)
{
	strbuf_reset(origin);
	strbuf_add_span(origin, event->seen.source);
	strbuf_add_char(origin, '\n');
	strbuf_add_span(origin, event->seen.table);
	return (struct row_record){.stream = event->stream,
		.origin = strbuf_span(origin),
		.place = {event->connector, event->seen.position, event->ts_ms, sequence},
		.txid = event->seen.txid,
		.revision = event->revision,
		.valid_from = event->ts_ms,
		.count = 1,
		.op = event->seen.op};
}

void row_record_pack(const struct row_record *record, struct strbuf *out)
{
	struct row_record copy = *record;
	struct span *texts[TEXTS];
	size_t i;

	strbuf_reset(out);
	strbuf_add(out, &copy, FIXED_BYTES);
	texts_of(&copy, texts);
	for (i = 0; i < TEXTS; i++)
		if (texts[i]->ptr)
			strbuf_add_span(out, *texts[i]);
}

void row_record_unpack(struct span bytes, struct row_record *record)
{
	struct span *texts[TEXTS];
	size_t i, at = FIXED_BYTES;

	memcpy(record, bytes.ptr, FIXED_BYTES);
	texts_of(record, texts);
	for (i = 0; i < TEXTS; i++) {
		if (!texts[i]->ptr)
			continue;
		texts[i]->ptr = bytes.ptr + at;
		at += texts[i]->len;
	}
}
