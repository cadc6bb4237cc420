/* Feeds, entries and events in XML; what stands in JSON inside them is turned into elements the way
 * Newtonsoft's DeserializeXmlNode does it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "event_body.h"
#include "feed.h"
#include "reprint.h"
#include "uri.h"
#include "utf8.h"

#define HEADER "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
#define ATOM "http://www.w3.org/2005/Atom"
#define AUTHOR "EventStore"

static void add_escaped_char(struct strbuf *out, char c)
{
	switch (c) {
	case '&':
		strbuf_add_text(out, "&amp;");
		break;
	case '<':
		strbuf_add_text(out, "&lt;");
		break;
	case '>':
		strbuf_add_text(out, "&gt;");
		break;
	case '"':
		strbuf_add_text(out, "&quot;");
		break;
	default:
		/* Other control characters have no place in XML 1.0 at all. */
		if ((unsigned char)c >= ' ' || c == '\t' || c == '\n')
			strbuf_add_char(out, c);
		else
			strbuf_printf(out, "&#x%X;", (unsigned char)c);
	}
}

static void add_escaped(struct strbuf *out, struct span text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		add_escaped_char(out, text.ptr[i]);
}

static void element(struct strbuf *out, const char *prefix, const char *name, struct span text)
{
	strbuf_printf(out, "<%s%s>", prefix, name);
	add_escaped(out, text);
	strbuf_printf(out, "</%s%s>", prefix, name);
}

static void plain_element(
	struct strbuf *out, const char *name, const char *attributes, struct span text)
{
	strbuf_printf(out, "<%s%s>", name, attributes);
	add_escaped(out, text);
	strbuf_printf(out, "</%s>", name);
}

static void link_element(
	struct strbuf *out, const char *prefix, struct span uri, const char *relation)
{
	strbuf_printf(out, "<%slink href=\"", prefix);
	add_escaped(out, uri);
	strbuf_printf(out, "\" rel=\"%s\" />", relation);
}

static void common_elements(
	struct strbuf *out, const char *prefix, struct span title, struct span id, int64_t updated)
{
	struct strbuf time = {0};

	feed_add_time(&time, updated);
	element(out, prefix, "title", title);
	element(out, prefix, "id", id);
	element(out, prefix, "updated", strbuf_span(&time));
	strbuf_printf(out, "<%sauthor>", prefix);
	element(out, prefix, "name", span_of(AUTHOR));
	strbuf_printf(out, "</%sauthor>", prefix);
	strbuf_clear(&time);
}

/* --- JSON as elements --- */

static bool may_start_name(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c >= 0x80;
}

/* XmlConvert.EncodeLocalName: what may not stand in a name becomes _xHHHH_. */
static void add_name(struct strbuf *out, struct span name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		bool plain = may_start_name(c) ||
			     (i && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
		bool looks_encoded = c == '_' && i + 1 < name.len && (name.ptr[i + 1] | 32) == 'x';

		if (plain && !looks_encoded)
			strbuf_add_char(out, (char)c);
		else
			strbuf_printf(out, "_x%04X_", c);
	}
	if (!name.len)
		strbuf_add_text(out, "_");
}

static bool add_value(
	struct reprint *in, struct span name, const char *attributes, struct strbuf *out);

static bool add_members(struct reprint *in, struct strbuf *out)
{
	struct strbuf name = {0};
	bool ok = reprint_take(in, '{');

	while (ok && !reprint_take(in, '}')) {
		strbuf_reset(&name);
		ok = reprint_name(in, &name) && reprint_take(in, ':') &&
		     add_value(in, strbuf_span(&name), "", out) &&
		     (reprint_take(in, ',') || reprint_peek(in) == '}');
	}
	strbuf_clear(&name);
	return ok;
}

/* An array is its elements, each under the array's name. */
static bool add_items(
	struct reprint *in, struct span name, const char *attributes, struct strbuf *out)
{
	bool ok = reprint_take(in, '[');

	while (ok && !reprint_take(in, ']'))
		ok = add_value(in, name, attributes, out) &&
		     (reprint_take(in, ',') || reprint_peek(in) == ']');
	return ok;
}

static bool add_scalar(struct reprint *in, struct strbuf *out)
{
	struct strbuf text = {0};
	char first = reprint_peek(in);
	bool ok;

	if (first == '"' || first == '\'')
		ok = reprint_string(in, &text);
	else
		ok = reprint_value(in, 0, &text);
	if (first != 'n')
		add_escaped(out, strbuf_span(&text));
	strbuf_clear(&text);
	return ok;
}

static bool add_value(
	struct reprint *in, struct span name, const char *attributes, struct strbuf *out)
{
	char first = reprint_peek(in);
	size_t start;
	bool ok;

	if (first == '[')
		return add_items(in, name, attributes, out);
	strbuf_add_char(out, '<');
	add_name(out, name);
	strbuf_add_text(out, attributes);
	strbuf_add_char(out, '>');
	start = out->len;
	ok = first == '{' ? add_members(in, out) : add_scalar(in, out);
	if (out->len == start) {
		out->len--;
		strbuf_add_text(out, " />");
		return ok;
	}
	strbuf_add_text(out, "</");
	add_name(out, name);
	strbuf_add_char(out, '>');
	return ok;
}

/* The depth of what was stored is bounded, so the recursion is. */
static void add_stored(struct strbuf *out, const char *name, const char *attributes,
	struct span stored, bool is_json)
{
	struct strbuf printed = {0};
	struct reprint in;

	if (is_json && reprint_container(stored, 0, &printed)) {
		reprint_start(&in, strbuf_span(&printed));
		add_value(&in, span_of(name), attributes, out);
		reprint_clear(&in);
	} else if (!stored.len) {
		strbuf_printf(out, "<%s%s />", name, attributes);
	} else {
		plain_element(out, name, attributes, stored);
	}
	strbuf_clear(&printed);
}

/* A document has one root; an array would have many, and stays a text. */
void feed_print_data_xml(struct strbuf *out, const struct stored_record *event)
{
	const char *brace = memchr(event->data.ptr, '{', event->data.len ? 1 : 0);

	add_stored(out, "data", "", event->data, event->is_json && brace);
}

static void add_event_members(
	struct strbuf *out, const char *attributes, const struct stored_record *event)
{
	struct strbuf number = {0}, id = {0};

	strbuf_add_int(&number, event->number);
	event_id_add(&id, event->id);
	plain_element(out, "eventStreamId", attributes, event->stream);
	plain_element(out, "eventNumber", attributes, strbuf_span(&number));
	plain_element(out, "eventType", attributes, event->type);
	plain_element(out, "eventId", attributes, strbuf_span(&id));
	add_stored(out, "data", attributes, event->data, event->is_json);
	add_stored(out, "metadata", attributes, event->metadata, event->is_json);
	strbuf_clear(&number);
	strbuf_clear(&id);
}

void feed_print_event_xml(struct strbuf *out, const struct stored_record *event)
{
	strbuf_add_text(out, "<event>");
	add_event_members(out, "", event);
	strbuf_add_text(out, "</event>");
}

/* --- Atom --- */

static void entry_elements(struct strbuf *out, const char *prefix, const char *base,
	const struct stored_entry *entry, bool with_content)
{
	struct entry_head head = feed_entry_head(entry);
	struct strbuf title = {0}, uri = {0};

	strbuf_add_int(&title, head.number);
	strbuf_add_char(&title, '@');
	strbuf_add_span(&title, head.stream);
	strbuf_printf(&uri, "%s/streams/", base);
	uri_escape(&uri, head.stream);
	strbuf_printf(&uri, "/%" PRId64, head.number);
	common_elements(out, prefix, strbuf_span(&title), strbuf_span(&uri), head.updated);
	element(out, prefix, "summary", head.summary);
	link_element(out, prefix, strbuf_span(&uri), "edit");
	link_element(out, prefix, strbuf_span(&uri), "alternate");
	if (with_content && entry->has_event && !entry->has_link && entry->event.is_json) {
		strbuf_printf(out, "<%scontent type=\"application/xml\">", prefix);
		/* Where Atom has no prefix, what is made of JSON steps out of its namespace. */
		add_event_members(out, *prefix ? "" : " xmlns=\"\"", &entry->event);
		strbuf_printf(out, "</%scontent>", prefix);
	}
	strbuf_clear(&title);
	strbuf_clear(&uri);
}

void feed_print_entry_xml(struct strbuf *out, const char *base, const struct stored_entry *entry)
{
	strbuf_add_text(out, HEADER "<atom:entry xmlns:atom=\"" ATOM "\">");
	entry_elements(out, "atom:", base, entry, true);
	strbuf_add_text(out, "</atom:entry>");
}

void feed_print_xml(struct strbuf *out, const struct feed *feed, const struct stored_page *page,
	bool forward, enum embed embed)
{
	size_t i;

	strbuf_add_text(out, HEADER "<feed xmlns=\"" ATOM "\">");
	common_elements(out, "", strbuf_span(&feed->title), strbuf_span(&feed->id), feed->updated);
	for (i = 0; i < feed->link_count; i++)
		link_element(out, "", strbuf_span(&feed->links[i].uri), feed->links[i].relation);
	for (i = 0; i < page->count; i++) {
		strbuf_add_text(out, "<entry>");
		entry_elements(
			out, "", feed->base, feed_entry(page, forward, i), embed == EMBED_CONTENT);
		strbuf_add_text(out, "</entry>");
	}
	strbuf_add_text(out, "</feed>");
}
