/* Which rule made an event what it is, for `map --explain`. */
#include <string.h>

#include "mapping_internal.h"

void mapping_explain(struct mapping *mapping)
{
	mapping->explains = true;
}

struct strbuf *mapping_trace(struct mapping *mapping)
{
	return mapping->explains ? &mapping->trace : NULL;
}

void mapping_trace_filter(struct mapping *mapping, const char *option, const char *pattern)
{
	if (mapping->explains)
		strbuf_printf(&mapping->trace, ", by %s %s", option, pattern);
}

static void add_table_stream(const struct mapping *mapping, struct strbuf *out)
{
	strbuf_printf(out, ", stream by mapping.stream %s", mapping->options.stream);
	if (mapping->change.kind == CHANGE_TRUNCATE)
		strbuf_add_text(out, " without its key, since a truncate is the whole table's");
	else if (mapping->is_keyless)
		strbuf_add_text(
			out, " without its key, since the record has none (mapping.keyless)");
}

static void add_stream(const struct mapping *mapping, struct strbuf *out)
{
	switch (mapping->change.kind) {
	case CHANGE_OUTBOX:
		strbuf_printf(out, ", stream by the topic's last part and %s",
			mapping->is_keyless ? "the partition, since there is no key" : "the key");
		break;
	case CHANGE_MESSAGE:
		strbuf_add_text(out, ", stream by the message's prefix");
		break;
	case CHANGE_TRANSACTION:
		strbuf_add_text(out, ", stream by the topic's prefix and the transaction");
		break;
	case CHANGE_SCHEMA:
		strbuf_add_text(out, ", stream by source.name and the database");
		break;
	default:
		add_table_stream(mapping, out);
	}
}

static void add_type(const struct mapping *mapping, struct strbuf *out)
{
	switch (mapping->change.kind) {
	case CHANGE_OUTBOX:
		strbuf_printf(out, ", type by the %s %s", mapping->type_from,
			mapping->options.outbox_type);
		break;
	case CHANGE_TRANSACTION:
		strbuf_add_text(out, ", type by its status");
		break;
	case CHANGE_SCHEMA:
		strbuf_add_text(out, ", type ddl as every schema change's");
		break;
	default:
		strbuf_printf(
			out, ", type by mapping.event_types %s", mapping->options.event_types);
	}
}

struct span mapping_why(struct mapping *mapping, bool is_event)
{
	strbuf_reset(&mapping->why);
	if (is_event) {
		add_stream(mapping, &mapping->why);
		add_type(mapping, &mapping->why);
	}
	strbuf_add_span(&mapping->why, strbuf_span(&mapping->trace));
	return strbuf_span(&mapping->why);
}
