/* Feeds, entries and events in XML. */
#include "feed.h"

void feed_print_xml(struct strbuf *out, const struct feed *feed, const struct stored_page *page,
	bool forward, enum embed embed)
{
	(void)feed, (void)page, (void)forward, (void)embed;
	strbuf_add_text(out, "<feed/>");
}
void feed_print_entry_xml(
	struct strbuf *out, const char *base, const struct stored_entry *entry, enum embed embed)
{
	(void)base, (void)entry, (void)embed;
	strbuf_add_text(out, "<entry/>");
}
void feed_print_event_xml(struct strbuf *out, const struct stored_record *event)
{
	(void)event;
	strbuf_add_text(out, "<event/>");
}
void feed_print_data_xml(struct strbuf *out, const struct stored_record *event)
{
	(void)event;
	strbuf_add_text(out, "<data/>");
}
