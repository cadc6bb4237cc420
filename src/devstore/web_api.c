/* The page at /web, and the lists that it needs beside the server's own API. */
#include <inttypes.h>
#include <string.h>

#include "api_private.h"
#include "reprint.h"
#include "web_page.h"

/* What one answer lists, and how many names a search looks at before it asks to be continued. */
#define MAX_LISTED 200
#define MAX_LOOKED_AT 20000

void handle_web(struct call *call)
{
	answer_ok(call, MEDIA_HTML);
	http_add_header(call->exchange, "Cache-Control", span_of("no-cache"));
	http_add_header(call->exchange, "Content-Security-Policy",
		span_of("default-src 'none'; connect-src 'self'; img-src data:; "
			"style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
			"form-action 'none'; frame-ancestors 'none'"));
	http_add_header(call->exchange, "X-Content-Type-Options", span_of("nosniff"));
	strbuf_add(&call->exchange->body, web_page, web_page_len);
}

void handle_root(struct call *call)
{
	http_answer(call->exchange, 302, "Found");
	http_add_header(call->exchange, "Location", span_of("/web"));
}

/* Names of streams are for those who may read everything. */
static bool may_list(struct call *call)
{
	if (call->caller.unchecked || call->caller.is_admin || call->caller.is_ops)
		return true;
	answer_denied(call);
	return false;
}

static bool has_prefix(struct span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len > len && !memcmp(text.ptr, prefix, len);
}

static int64_t events_in(struct call *call, const char *prefix, struct span rest)
{
	struct strbuf name = {0};
	int64_t last;

	strbuf_add_text(&name, prefix);
	strbuf_add_span(&name, rest);
	last = store_last_number(call->api->options.store, strbuf_span(&name));
	strbuf_clear(&name);
	return last + 1;
}

/* [{"name", "events", "streams"}] of all computed streams with that prefix. */
static void list_computed(struct call *call, const char *prefix, struct strbuf *out)
{
	struct store *store = call->api->options.store;
	struct strbuf name = {0};
	int count = 0;

	strbuf_add_char(out, '[');
	strbuf_add_text(&name, prefix);
	while (count < MAX_LISTED && store_next_name(store, true, strbuf_span(&name), &name) &&
		has_prefix(strbuf_span(&name), prefix)) {
		struct span rest = {name.data + strlen(prefix), name.len - strlen(prefix)};

		strbuf_add_text(out, count++ ? ",\n {\"name\": " : "\n {\"name\": ");
		reprint_quote(out, rest);
		strbuf_printf(out, ", \"events\": %" PRId64 ", \"streams\": %" PRId64 "}",
			events_in(call, prefix, rest), events_in(call, "$category-", rest));
	}
	strbuf_add_text(out, "\n]");
	strbuf_clear(&name);
}

void handle_overview(struct call *call)
{
	struct strbuf text = {0};

	if (!may_list(call))
		return;
	strbuf_add_text(&text, "{\"version\": ");
	reprint_quote(&text, span_of(call->api->options.version));
	strbuf_add_text(&text, ",\n\"categories\": ");
	list_computed(call, "$ce-", &text);
	strbuf_add_text(&text, ",\n\"types\": ");
	list_computed(call, "$et-", &text);
	strbuf_add_text(&text, "}\n");
	answer_json(call, 200, "OK", strbuf_span(&text));
	http_add_header(call->exchange, "Cache-Control", span_of("no-cache"));
	strbuf_clear(&text);
}

/* Looks for names that hold text, from after on; *next: where to go on, empty at the end. */
static void search_names(
	struct call *call, struct span wanted, struct strbuf *next, struct strbuf *out)
{
	struct store *store = call->api->options.store;
	int looked = 0, count = 0;

	strbuf_add_char(out, '[');
	while (looked < MAX_LOOKED_AT && count < MAX_LISTED) {
		if (!store_next_name(store, false, strbuf_span(next), next)) {
			strbuf_reset(next);
			break;
		}
		looked++;
		if (wanted.len && !memmem(next->data, next->len, wanted.ptr, wanted.len))
			continue;
		strbuf_add_text(out, count++ ? ",\n {\"name\": " : "\n {\"name\": ");
		reprint_quote(out, strbuf_span(next));
		strbuf_printf(out, ", \"last\": %" PRId64 "}",
			store_last_number(store, strbuf_span(next)));
	}
	strbuf_add_text(out, "\n]");
}

/* ?text=…&after=…: names that hold the text, in byte order. */
void handle_stream_names(struct call *call)
{
	struct strbuf wanted = {0}, next = {0}, text = {0};

	if (!may_list(call))
		return;
	uri_query(&call->uri, "text", &wanted);
	uri_query(&call->uri, "after", &next);
	strbuf_add_text(&text, "{\"streams\": ");
	search_names(call, strbuf_span(&wanted), &next, &text);
	strbuf_add_text(&text, ",\n\"next\": ");
	if (next.len)
		reprint_quote(&text, strbuf_span(&next));
	else
		strbuf_add_text(&text, "null");
	strbuf_add_text(&text, "}\n");
	answer_json(call, 200, "OK", strbuf_span(&text));
	http_add_header(call->exchange, "Cache-Control", span_of("no-cache"));
	strbuf_clear(&wanted);
	strbuf_clear(&next);
	strbuf_clear(&text);
}
