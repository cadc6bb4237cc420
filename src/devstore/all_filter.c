/* Filters as the server reads them; its expressions are .NET's, these are POSIX's. */
#include "all_filter.h"

#include <stdlib.h>
#include <string.h>

#define SYSTEM_EVENTS "^[^$].*"

static bool compile(struct all_filter_spec *spec)
{
	spec->by_regex = true;
	return regcomp(&spec->regex, spec->data.data ? spec->data.data : "",
		       REG_EXTENDED | REG_NOSUB) == 0;
}

/* "a,b" becomes "a\0b\0". */
static void split(struct strbuf *data)
{
	size_t i;

	for (i = 0; i < data->len; i++)
		if (data->data[i] == ',')
			data->data[i] = '\0';
	strbuf_add_char(data, '\0');
}

static const char *parse_words(struct all_filter_spec *spec, struct span context, struct span type)
{
	spec->by_stream = span_is(context, "streamid");
	if (!spec->by_stream && !span_is(context, "eventtype"))
		return "Invalid context please provide one of the following: StreamId, EventType.";
	if (!span_is(type, "regex") && !span_is(type, "prefix"))
		return "Invalid type please provide one of the following: Regex, Prefix.";
	if (!spec->data.len)
		return "Please provide a comma delimited list of data with at least one item.";
	if (span_is(type, "prefix"))
		split(&spec->data);
	else if (!compile(spec))
		return "Invalid regular expression.";
	return NULL;
}

const char *all_filter_parse(struct all_filter_spec *spec, const struct uri *uri)
{
	struct strbuf context = {0}, type = {0}, exclude = {0};
	const char *wrong = NULL;

	*spec = (struct all_filter_spec){.by_stream = false};
	if (uri_query(uri, "exclude-system-events", &exclude)) {
		strbuf_add_text(&spec->data, SYSTEM_EVENTS);
		if (strcmp(exclude.data ? exclude.data : "", "true") || !compile(spec))
			wrong = "exclude-sytem-events should have a value of true.";
	} else {
		uri_query(uri, "context", &context);
		uri_query(uri, "type", &type);
		uri_query(uri, "data", &spec->data);
		wrong = parse_words(spec, strbuf_span(&context), strbuf_span(&type));
	}
	strbuf_clear(&context);
	strbuf_clear(&type);
	strbuf_clear(&exclude);
	if (wrong) {
		spec->by_regex = false;
		all_filter_clear(spec);
	}
	return wrong;
}

void all_filter_clear(struct all_filter_spec *spec)
{
	if (spec->by_regex)
		regfree(&spec->regex);
	strbuf_clear(&spec->data);
	*spec = (struct all_filter_spec){.by_stream = false};
}

static bool has_prefix(const struct all_filter_spec *spec, struct span text)
{
	const char *at = spec->data.data, *end = at + spec->data.len;

	for (; at < end; at += strlen(at) + 1)
		if (*at && text.len >= strlen(at) && !memcmp(text.ptr, at, strlen(at)))
			return true;
	return false;
}

bool all_filter_keep(const struct stored_record *record, void *user)
{
	const struct all_filter_spec *spec = user;
	struct span text = spec->by_stream ? record->stream : record->type;

	/* What comes out of a page's arena has a NUL behind it. */
	return spec->by_regex ? !regexec(&spec->regex, text.ptr, 0, NULL, 0)
			      : has_prefix(spec, text);
}
