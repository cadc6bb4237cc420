/* A row as its events made it: one JSON object of columns, carried from event to event. */
#ifndef ROWSTREAM_ROW_IMAGE_H
#define ROWSTREAM_ROW_IMAGE_H

#include "row_event.h"

enum row_fate {
	ROW_LIVES,     /* out holds its columns now */
	ROW_ENDS,      /* deleted, or moved to another key */
	ROW_UNTOUCHED, /* the event says nothing about the row's columns */
};

/* What event makes of the row whose columns were before (SPAN_NULL: none). Columns that an update
 * left alone and that the database did not send keep the value that before has; where before has
 * none, the placeholder stands. out is emptied first; it must not be before's memory. */
enum row_fate row_image_after(const struct row_event_reader *reader, const struct row_event *event,
	struct span before, struct strbuf *out);

/* A column and its values, compact JSON; ptr NULL: the image has no such column. */
struct column_change {
	struct span name; /* decoded */
	struct span old_value, new_value;
};

/* The columns in which two images differ (either may be SPAN_NULL), in the order of new, then those
 * that are only in old. Numbers and texts are compared by value, not by spelling. */
struct row_diff {
	struct column_change *changes;
	size_t count, size;
	struct js_doc old_doc, new_doc;
	struct arena arena;
};

/* Start with {0}; reused from call to call. False: an image is no JSON object. */
bool row_diff_make(struct row_diff *diff, struct span old_image, struct span new_image);
void row_diff_clear(struct row_diff *diff);
/* {"column":"city","old":"Rome","new":null}; old or new is absent where the image had no such
 * column. */
void column_change_json(const struct column_change *change, struct strbuf *out);

#endif
