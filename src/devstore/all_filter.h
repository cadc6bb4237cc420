/* The filters of $all/filtered: by event type or stream, by prefixes or a regular expression. */
#ifndef DEVSTORE_ALL_FILTER_H
#define DEVSTORE_ALL_FILTER_H

#include <regex.h>

#include "store.h"
#include "uri.h"

struct all_filter_spec {
	bool by_stream, by_regex;
	struct strbuf data; /* the expression, or prefixes with NUL between them */
	regex_t regex;
};

/* From a query: context, type and data, or exclude-system-events=true. NULL: *spec is filled and
 * must be cleared; else the server's words for what is wrong. */
const char *all_filter_parse(struct all_filter_spec *spec, const struct uri *uri);
void all_filter_clear(struct all_filter_spec *spec);
/* For all_filter.keep; user is the spec. */
bool all_filter_keep(const struct stored_record *record, void *user);

#endif
