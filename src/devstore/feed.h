/* Pages of events as Atom feeds, and single events, in the server's JSON. Pure. */
#ifndef DEVSTORE_FEED_H
#define DEVSTORE_FEED_H

#include "store.h"
#include "strbuf.h"

enum embed {
	EMBED_NONE,
	EMBED_CONTENT,
	EMBED_RICH,
	EMBED_BODY,
	EMBED_PRETTY,
	EMBED_TRY_HARDER,
};

#define FEED_MAX_LINKS 6

struct feed_link {
	const char *relation;
	struct strbuf uri;
};

/* A feed's own members; the entries follow from the page. */
struct feed {
	const char *base; /* "http://host:port", before every path */
	struct strbuf title, id;
	int64_t updated;    /* 100 ns since 1970; -1: never */
	struct span stream; /* null in $all */
	bool head_of_stream, has_self_url;
	const char *etag; /* NULL: null */
	struct feed_link links[FEED_MAX_LINKS];
	size_t link_count;
};

/* The feed of a page of one stream. at_head: it was asked for as the newest page. */
void feed_of_stream(struct feed *feed, const char *base, struct span stream,
	const struct stored_page *page, bool forward, bool at_head, const char *etag);
/* path: "%24all" or "%24all/filtered". */
void feed_of_all(struct feed *feed, const char *base, const char *path,
	const struct stored_page *page, bool forward);
void feed_clear(struct feed *feed);

/* Entries come newest first, whatever the direction of reading. */
const struct stored_entry *feed_entry(const struct stored_page *page, bool forward, size_t index);

/* "2026-11-21T07:59:06.8422707Z" */
void feed_add_time(struct strbuf *out, int64_t ticks);
/* A position of $all: 32 hexadecimal digits. */
void feed_add_position(struct strbuf *out, int64_t position);

void feed_print_json(struct strbuf *out, const struct feed *feed, const struct stored_page *page,
	bool forward, enum embed embed);
/* One entry, as the answer to a request for one event. */
void feed_print_entry_json(
	struct strbuf *out, const char *base, const struct stored_entry *entry, enum embed embed);
/* {"eventStreamId", "eventNumber", "eventType", "eventId", "data", "metadata"} */
void feed_print_event_json(struct strbuf *out, const struct stored_record *event, unsigned level);
/* Data alone, printed anew; a JSON string where it is no JSON. */
void feed_print_data_json(struct strbuf *out, const struct stored_record *event, unsigned level);

void feed_print_xml(struct strbuf *out, const struct feed *feed, const struct stored_page *page,
	bool forward, enum embed embed);
void feed_print_entry_xml(struct strbuf *out, const char *base, const struct stored_entry *entry);
void feed_print_event_xml(struct strbuf *out, const struct stored_record *event);
void feed_print_data_xml(struct strbuf *out, const struct stored_record *event);

/* What both notations say of an entry. The event is the link's target, "original" the place where
 * it was read. */
struct entry_head {
	struct span stream;
	int64_t number, updated;
	struct span summary;
};
struct entry_head feed_entry_head(const struct stored_entry *entry);

#endif
