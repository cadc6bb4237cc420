/* Feeds, entries and events in JSON, printed as Newtonsoft prints them: indented, null members
 * included. */
#include <inttypes.h>
#include <string.h>

#include "event_body.h"
#include "feed.h"
#include "reprint.h"
#include "uri.h"

#define AUTHOR "EventStore"

/* Where an object's next member goes. */
struct writer {
	struct strbuf *out;
	unsigned level;
	bool any;
};

static void line(const struct writer *writer, unsigned level)
{
	char *at = strbuf_reserve(writer->out, 1 + 2 * (size_t)level);

	at[0] = '\n';
	memset(at + 1, ' ', 2 * (size_t)level);
	at[1 + 2 * (size_t)level] = '\0';
	writer->out->len += 1 + 2 * (size_t)level;
}

static struct writer open_object(struct strbuf *out, unsigned level)
{
	strbuf_add_char(out, '{');
	return (struct writer){out, level + 1, false};
}

static void close_object(struct writer *writer)
{
	line(writer, writer->level - 1);
	strbuf_add_char(writer->out, '}');
}

static void name(struct writer *writer, const char *member)
{
	if (writer->any)
		strbuf_add_char(writer->out, ',');
	writer->any = true;
	line(writer, writer->level);
	strbuf_add_char(writer->out, '"');
	strbuf_add_text(writer->out, member);
	strbuf_add_text(writer->out, "\": ");
}

static void text(struct writer *writer, const char *member, struct span value)
{
	name(writer, member);
	if (value.ptr)
		reprint_quote(writer->out, value);
	else
		strbuf_add_text(writer->out, "null");
}

static void number(struct writer *writer, const char *member, int64_t value)
{
	name(writer, member);
	strbuf_add_int(writer->out, value);
}

static void truth(struct writer *writer, const char *member, bool value)
{
	name(writer, member);
	strbuf_add_text(writer->out, value ? "true" : "false");
}

static void id(struct writer *writer, const unsigned char *value)
{
	name(writer, "eventId");
	strbuf_add_char(writer->out, '"');
	event_id_add(writer->out, value);
	strbuf_add_char(writer->out, '"');
}

static void updated(struct writer *writer, int64_t ticks)
{
	name(writer, "updated");
	strbuf_add_char(writer->out, '"');
	feed_add_time(writer->out, ticks);
	strbuf_add_char(writer->out, '"');
}

static void author(struct writer *writer)
{
	struct writer inner;

	name(writer, "author");
	inner = open_object(writer->out, writer->level);
	text(&inner, "name", span_of(AUTHOR));
	close_object(&inner);
}

static void link_object(struct writer *list, struct span uri, const char *relation)
{
	struct writer link;

	if (list->any)
		strbuf_add_char(list->out, ',');
	list->any = true;
	line(list, list->level);
	link = open_object(list->out, list->level);
	text(&link, "uri", uri);
	text(&link, "relation", span_of(relation));
	text(&link, "type", SPAN_NULL);
	close_object(&link);
}

static struct writer open_list(struct writer *writer, const char *member)
{
	name(writer, member);
	strbuf_add_char(writer->out, '[');
	return (struct writer){writer->out, writer->level + 1, false};
}

static void close_list(struct writer *list)
{
	if (list->any)
		line(list, list->level - 1);
	strbuf_add_char(list->out, ']');
}

/* --- Events --- */

/* What does not parse stays a text; the texts "" and "null" stay texts too. */
static void content(struct strbuf *out, struct span stored, bool is_json, unsigned level)
{
	if (!is_json || span_is(stored, "null") || !reprint_text(stored, level, out))
		reprint_quote(out, stored);
}

void feed_print_data_json(struct strbuf *out, const struct stored_record *event, unsigned level)
{
	content(out, event->data, event->is_json, level);
}

void feed_print_event_json(struct strbuf *out, const struct stored_record *event, unsigned level)
{
	struct writer writer = open_object(out, level);

	text(&writer, "eventStreamId", event->stream);
	number(&writer, "eventNumber", event->number);
	text(&writer, "eventType", event->type);
	id(&writer, event->id);
	name(&writer, "data");
	content(out, event->data, event->is_json, writer.level);
	name(&writer, "metadata");
	content(out, event->metadata, event->is_json, writer.level);
	close_object(&writer);
}

/* --- Entries --- */

/* The text of data or metadata; pretty: printed anew if it is an object. */
static void body_text(
	struct writer *writer, const char *member, struct span stored, bool pretty, bool *is_object)
{
	struct strbuf printed = {0};
	bool object = pretty && stored.len && reprint_container(stored, 0, &printed) &&
		      printed.data[0] == '{';

	text(writer, member, object ? strbuf_span(&printed) : stored);
	if (is_object)
		*is_object = object;
	strbuf_clear(&printed);
}

static void bodies(
	struct writer *writer, const struct stored_entry *entry, enum embed embed, bool *is_json)
{
	const struct stored_record *event = &entry->event;
	bool pretty = embed >= EMBED_PRETTY, is_object = false;

	*is_json = event->is_json;
	if (embed < EMBED_BODY || (!event->is_json && embed < EMBED_TRY_HARDER)) {
		text(writer, "data", SPAN_NULL);
	} else {
		body_text(writer, "data", event->data, pretty, &is_object);
		*is_json |= is_object;
	}
	if (embed < EMBED_BODY || !event->metadata.len)
		text(writer, "metaData", SPAN_NULL);
	else
		body_text(writer, "metaData", event->metadata, pretty, NULL);
	if (embed < EMBED_BODY || !entry->has_link)
		text(writer, "linkMetaData", SPAN_NULL);
	else
		body_text(writer, "linkMetaData", entry->link.metadata, pretty, NULL);
}

static void rich_members(struct writer *writer, const struct stored_entry *entry, enum embed embed)
{
	const struct stored_record *event = &entry->event;
	const struct stored_record *original = entry->has_link ? &entry->link : event;
	bool full = embed >= EMBED_BODY, is_json;

	id(writer, event->id);
	text(writer, "eventType", event->type);
	number(writer, "eventNumber", event->number);
	bodies(writer, entry, embed, &is_json);
	text(writer, "streamId", event->stream);
	truth(writer, "isJson", is_json);
	truth(writer, "isMetaData", full && event->metadata.len);
	truth(writer, "isLinkMetaData", full && entry->has_link && entry->link.metadata.len);
	truth(writer, "isRedacted", false);
	number(writer, "positionEventNumber", original->number);
	text(writer, "positionStreamId", original->stream);
}

static void entry_object(struct strbuf *out, const char *base, const struct stored_entry *entry,
	enum embed embed, bool single, unsigned level)
{
	struct entry_head head = feed_entry_head(entry);
	struct writer writer = open_object(out, level), links;
	struct strbuf title = {0}, uri = {0};

	if (embed > EMBED_CONTENT && entry->has_event)
		rich_members(&writer, entry, embed);
	strbuf_add_int(&title, head.number);
	strbuf_add_char(&title, '@');
	strbuf_add_span(&title, head.stream);
	strbuf_printf(&uri, "%s/streams/", base);
	uri_escape(&uri, head.stream);
	strbuf_printf(&uri, "/%" PRId64, head.number);
	text(&writer, "title", strbuf_span(&title));
	text(&writer, "id", strbuf_span(&uri));
	updated(&writer, head.updated);
	author(&writer);
	text(&writer, "summary", head.summary);
	text(&writer, "retryCount", SPAN_NULL);
	name(&writer, "content");
	if ((single || embed == EMBED_CONTENT) && entry->has_event && !entry->has_link &&
		entry->event.is_json)
		feed_print_event_json(out, &entry->event, writer.level);
	else
		strbuf_add_text(out, "null");
	links = open_list(&writer, "links");
	link_object(&links, strbuf_span(&uri), "edit");
	link_object(&links, strbuf_span(&uri), "alternate");
	close_list(&links);
	close_object(&writer);
	strbuf_clear(&title);
	strbuf_clear(&uri);
}

void feed_print_entry_json(
	struct strbuf *out, const char *base, const struct stored_entry *entry, enum embed embed)
{
	entry_object(out, base, entry, embed, true, 0);
}

/* --- Feeds --- */

void feed_print_json(struct strbuf *out, const struct feed *feed, const struct stored_page *page,
	bool forward, enum embed embed)
{
	struct writer writer = open_object(out, 0), list;
	size_t i;

	text(&writer, "title", strbuf_span(&feed->title));
	text(&writer, "id", strbuf_span(&feed->id));
	updated(&writer, feed->updated);
	text(&writer, "streamId", feed->stream);
	author(&writer);
	truth(&writer, "headOfStream", feed->head_of_stream);
	text(&writer, "selfUrl", feed->has_self_url ? strbuf_span(&feed->id) : SPAN_NULL);
	text(&writer, "eTag", span_of(feed->etag));
	list = open_list(&writer, "links");
	for (i = 0; i < feed->link_count; i++)
		link_object(&list, strbuf_span(&feed->links[i].uri), feed->links[i].relation);
	close_list(&list);
	list = open_list(&writer, "entries");
	for (i = 0; i < page->count; i++) {
		if (list.any)
			strbuf_add_char(out, ',');
		list.any = true;
		line(&list, list.level);
		entry_object(
			out, feed->base, feed_entry(page, forward, i), embed, false, list.level);
	}
	close_list(&list);
	close_object(&writer);
}
