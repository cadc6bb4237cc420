/* Titles, times and links of feeds: which pages lead on from which. */
#include "feed.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "uri.h"

void feed_clear(struct feed *feed)
{
	size_t i;

	strbuf_clear(&feed->title);
	strbuf_clear(&feed->id);
	for (i = 0; i < feed->link_count; i++)
		strbuf_clear(&feed->links[i].uri);
	*feed = (struct feed){0};
}

void feed_add_time(struct strbuf *out, int64_t ticks)
{
	time_t seconds = (time_t)(ticks / 10000000);
	int64_t fraction = ticks % 10000000;
	struct tm parts;
	char text[32];

	if (ticks < 0 || !gmtime_r(&seconds, &parts)) {
		strbuf_add_text(out, "0001-01-01T00:00:00Z");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	strbuf_add_text(out, text);
	if (fraction) {
		strbuf_printf(out, ".%07" PRId64, fraction);
		while (out->data[out->len - 1] == '0')
			out->data[--out->len] = '\0';
	}
	strbuf_add_char(out, 'Z');
}

void feed_add_position(struct strbuf *out, int64_t position)
{
	strbuf_printf(out, "%016" PRIX64 "%016" PRIX64, position, position);
}

/* A link to /streams/<stream>, which continues as far as the caller adds to it. */
static struct strbuf *add_link(struct feed *feed, const char *relation)
{
	struct feed_link *link = &feed->links[feed->link_count++];

	link->relation = relation;
	link->uri = (struct strbuf){0};
	strbuf_add_span(&link->uri, strbuf_span(&feed->id));
	return &link->uri;
}

static void add_page_link(
	struct feed *feed, const char *relation, int64_t from, const char *direction, int64_t count)
{
	struct strbuf *uri = add_link(feed, relation);

	strbuf_add_char(uri, '/');
	strbuf_add_int(uri, from);
	strbuf_printf(uri, "/%s/%" PRId64, direction, count);
}

static void add_head_link(struct feed *feed, int64_t count)
{
	strbuf_printf(add_link(feed, "first"), "/head/backward/%" PRId64, count);
}

static void add_forward_links(struct feed *feed, const struct stored_page *page)
{
	int64_t count = page->max_count, end;

	if (page->from > 0) {
		add_page_link(feed, "last", 0, "forward", count);
		add_page_link(feed, "next", page->from - 1, "backward", count);
	}
	if (page->is_end && !page->count)
		return;
	if (__builtin_add_overflow(page->from, count - 1, &end) || end > page->last)
		end = page->last;
	add_page_link(feed, "previous", end + 1, "forward", count);
}

static void add_backward_links(struct feed *feed, const struct stored_page *page)
{
	int64_t newest = page->from < page->last ? page->from : page->last;

	if (!page->is_end) {
		add_page_link(feed, "last", 0, "forward", page->max_count);
		add_page_link(
			feed, "next", page->from - page->max_count, "backward", page->max_count);
	}
	add_page_link(feed, "previous", newest + 1, "forward", page->max_count);
}

static int64_t updated_of(const struct stored_page *page)
{
	return page->count && page->entries[0].has_event ? page->entries[0].event.created : -1;
}

void feed_of_stream(struct feed *feed, const char *base, struct span stream,
	const struct stored_page *page, bool forward, bool at_head, const char *etag)
{
	*feed = (struct feed){.base = base, .stream = stream, .updated = updated_of(page)};
	strbuf_add_text(&feed->title, "Event stream '");
	strbuf_add_span(&feed->title, stream);
	strbuf_add_char(&feed->title, '\'');
	strbuf_printf(&feed->id, "%s/streams/", base);
	uri_escape(&feed->id, stream);
	feed->head_of_stream = forward ? page->is_end : at_head;
	feed->has_self_url = !forward;
	feed->etag = forward || !at_head ? NULL : etag;
	add_link(feed, "self");
	add_head_link(feed, page->max_count);
	if (forward)
		add_forward_links(feed, page);
	else
		add_backward_links(feed, page);
	strbuf_add_text(add_link(feed, "metadata"), "/metadata");
}

static void add_position_link(struct feed *feed, const char *relation, int64_t position,
	const char *direction, int64_t count)
{
	struct strbuf *uri = add_link(feed, relation);

	strbuf_add_char(uri, '/');
	feed_add_position(uri, position);
	strbuf_printf(uri, "/%s/%" PRId64, direction, count);
}

void feed_of_all(struct feed *feed, const char *base, const char *path,
	const struct stored_page *page, bool forward)
{
	int64_t count = page->max_count;

	*feed = (struct feed){.base = base, .updated = updated_of(page)};
	if (forward && page->count)
		feed->updated = page->entries[page->count - 1].event.created;
	strbuf_add_text(&feed->title, "All events");
	strbuf_printf(&feed->id, "%s/streams/%s", base, path);
	add_link(feed, "self");
	add_head_link(feed, count);
	if (forward ? page->from > 0 : !page->is_end) {
		add_position_link(feed, "last", 0, "forward", count);
		add_position_link(
			feed, "next", forward ? page->from : page->next, "backward", count);
	}
	if (!forward)
		add_position_link(feed, "previous", page->from, "forward", count);
	else if (!page->is_end || page->count)
		add_position_link(feed, "previous", page->next, "forward", count);
	if (!strchr(path, '/'))
		strbuf_add_text(add_link(feed, "metadata"), "/metadata");
}

const struct stored_entry *feed_entry(const struct stored_page *page, bool forward, size_t index)
{
	return &page->entries[forward ? page->count - 1 - index : index];
}

/* A link whose target is gone still says where it leads. */
struct entry_head feed_entry_head(const struct stored_entry *entry)
{
	struct entry_head head = {.summary = span_of("$>")};
	const char *at;

	if (!entry->has_link) {
		head.stream = entry->event.stream;
		head.number = entry->event.number;
		head.updated = entry->event.created;
		head.summary = entry->event.type;
		return head;
	}
	head.updated = entry->link.created;
	at = memchr(entry->link.data.ptr, '@', entry->link.data.len);
	if (at) {
		size_t digits = (size_t)(at - entry->link.data.ptr);

		span_to_int64((struct span){entry->link.data.ptr, digits}, &head.number);
		head.stream = (struct span){at + 1, entry->link.data.len - digits - 1};
	}
	return head;
}
