/* What a consumer group must remember between runs and between its instances, kept in a stream
 * of its own (append.md, section 6): the mapping it writes with, the records it skipped. */
#ifndef ROWSTREAM_GROUP_H
#define ROWSTREAM_GROUP_H

#include "error.h"
#include "store_answer.h"
#include "strbuf.h"
#include "util.h"

struct group_skip {
	char *topic;
	int32_t partition;
	int64_t offset;
};

struct group {
	char *mapping;	    /* mapping_describe's text of the newest mapping event, or NULL */
	int64_t mapping_ms; /* when it was written, wall clock */
	size_t mappings;    /* how many there were */
	struct group_skip *skips;
	size_t skip_count;
};

/* Start with {0}; clear before reading the stream anew. */
void group_clear(struct group *group);

/* Adds "~rowstream-<group id>" to out, escaped as a stream name's values are. */
void group_stream(const char *group_id, struct strbuf *out);

/* Takes note of one event of the stream; call from the newest to the oldest. Events that are not
 * ours are ignored. */
void group_note(struct group *group, const struct stored_event *event);

bool group_skips(const struct group *group, const char *topic, int32_t partition, int64_t offset);

/* Adds the events' texts, as appends take them. Ids follow from the content (and, for a mapping,
 * from the version it is appended at), so a repeat is recognised. */
void group_mapping_event(
	const char *description, int64_t expected, int64_t now_ms, struct strbuf *out);
void group_skip_event(
	const struct group_skip *skip, const char *reason, int64_t now_ms, struct strbuf *out);

/* Adds the lines in which two descriptions differ, "was …, is …", joined by "; ". */
void group_difference(const char *before, const char *after, struct strbuf *out);

#endif
