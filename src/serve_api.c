/* What serve answers: JSON of tables, rows and their lives, and the page that shows them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"
#include "serve_page.h"
#include "timestamp.h"

#define PAGE_ROWS 100
#define MOST_ROWS 1000
/* A table that is not at its end after this answers that it is being read. */
#define PATIENCE_MS 400

struct call {
	struct serve *serve;
	const struct http_request *request;
	struct http_reply *reply;
	char *table, *key; /* parts of the path, decoded; NULL: not there */
	bool history;
};

/* --- Parts --- */

void serve_add_escaped(struct strbuf *out, struct span text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(c && strchr("-._~:@!*()'", c)))
			strbuf_add_char(out, (char)c);
		else
			strbuf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}

static void fail(struct call *call, int status, const char *text)
{
	strbuf_reset(&call->reply->body);
	call->reply->status = status;
	call->reply->etag[0] = '\0';
	strbuf_add_text(&call->reply->body, "{\"error\":");
	strbuf_add_json(&call->reply->body, span_of(text));
	strbuf_add_text(&call->reply->body, "}\n");
}

static void fail_of_error(struct call *call, const struct error *error)
{
	fail(call,
		error->kind == ERROR_INPUT     ? 400
		: error->kind == ERROR_REFUSED ? 404
		: error->kind == ERROR_RETRY   ? 502
					       : 500,
		error->text);
}

static void add_time(struct strbuf *out, const char *name, int64_t ms)
{
	char time[TIMESTAMP_BYTES];

	strbuf_printf(out, ",\"%s\":", name);
	if (ms < 0) {
		strbuf_add_text(out, "null");
		return;
	}
	timestamp_format(ms, time);
	strbuf_printf(out, "\"%s\"", time);
}

static void add_text(struct strbuf *out, const char *name, struct span text)
{
	strbuf_printf(out, ",\"%s\":", name);
	if (text.ptr)
		strbuf_add_json(out, text);
	else
		strbuf_add_text(out, "null");
}

static void add_href(struct strbuf *out, const struct call *call, struct span key)
{
	strbuf_add_text(out, "/tables/");
	serve_add_escaped(out, span_of(call->table));
	if (key.ptr) {
		strbuf_add_char(out, '/');
		serve_add_escaped(out, key);
	}
}

/* A link to the page behind this one, in the body and as a header (RFC 8288). */
static void add_next(struct call *call, const struct strbuf *href)
{
	strbuf_add_text(&call->reply->body, ",\"next\":");
	if (!href->len) {
		strbuf_add_text(&call->reply->body, "null");
		return;
	}
	strbuf_add_json(&call->reply->body, strbuf_span(href));
	strbuf_printf(&call->reply->link, "<%s>; rel=\"next\"", href->data);
}

/* False: it said what the parameter may be. */
static bool number_of(struct call *call, const char *name, int64_t most, int64_t *number)
{
	const char *text = http_request_query(call->request, name);
	char why[120];

	if (!text || (span_to_int64(span_of(text), number) && *number >= 0 && *number <= most))
		return true;
	snprintf(why, sizeof(why), "%s: a number from 0 to %" PRId64, name, most);
	fail(call, 400, why);
	return false;
}

static bool point_of(struct call *call, struct reading_point *point)
{
	const char *at = http_request_query(call->request, "at");

	*point = (struct reading_point){.given = at != NULL, .is_time = true};
	if (!at || timestamp_parse(span_of(at), &point->ms))
		return true;
	fail(call, 400, "at: a time like 2026-11-26, 2026-11-26T06:15:07Z (UTC without a zone)");
	return false;
}

/* --- A table --- */

static struct span key_of(const struct call *call, struct span stream)
{
	size_t before = strlen(call->table) + 1;

	return stream.len > before ? (struct span){stream.ptr + before, stream.len - before}
				   : (struct span){"", 0};
}

static void add_row(struct call *call, const struct row_record *record)
{
	struct strbuf *out = &call->reply->body;
	struct span key = key_of(call, record->stream);

	strbuf_add_text(out, "{\"key\":");
	strbuf_add_json(out, key);
	add_text(out, "stream", record->stream);
	strbuf_printf(out, ",\"revision\":%" PRId64, record->revision);
	add_time(out, "time", record->place.ts_ms);
	add_text(out, "op", (struct span){&record->op, 1});
	strbuf_add_text(out, ",\"row\":");
	strbuf_add_span(out, record->image.ptr ? record->image : span_of("null"));
	strbuf_add_text(out, ",\"href\":\"");
	add_href(out, call, key);
	strbuf_add_text(out, "\"}");
}

static void add_table_next(
	struct call *call, int64_t at_ms, int64_t page, int64_t size, bool deleted)
{
	struct strbuf href = {0};

	add_href(&href, call, SPAN_NULL);
	strbuf_printf(&href, "?page=%" PRId64 "&size=%" PRId64, page + 1, size);
	if (at_ms >= 0)
		strbuf_printf(&href, "&at=%" PRId64, at_ms);
	if (deleted)
		strbuf_add_text(&href, "&deleted=1");
	add_next(call, &href);
	strbuf_clear(&href);
}

/* The rows of one page; the fold is at its end. */
static void answer_rows(struct call *call, struct served_table *table, int64_t page, int64_t size)
{
	struct strbuf nothing = {0};
	struct error error = {0};
	struct row_record record;
	const char *deleted = http_request_query(call->request, "deleted");
	bool want_deleted = deleted && strcmp(deleted, "0") != 0;
	int64_t at = 0, first = page * size;

	strbuf_add_text(&call->reply->body, "{\"table\":");
	strbuf_add_json(&call->reply->body, span_of(call->table));
	strbuf_add_text(&call->reply->body, ",\"rows\":[");
	table_fold_rewind(table->fold, want_deleted ? FOLD_DELETED : FOLD_LIVING);
	for (; at <= first + size && table_fold_next(table->fold, &record, &error); at++) {
		if (at < first || at == first + size)
			continue;
		if (at > first)
			strbuf_add_char(&call->reply->body, ',');
		add_row(call, &record);
	}
	strbuf_add_char(&call->reply->body, ']');
	if (at > first + size)
		add_table_next(call, table->at_ms, page, size, want_deleted);
	else
		add_next(call, &nothing);
	strbuf_add_text(&call->reply->body, "}\n");
	snprintf(call->reply->etag, sizeof(call->reply->etag), "\"%" PRId64 "\"", table->events);
	if (error.kind != ERROR_NONE)
		fail_of_error(call, &error);
}

static void answer_loading(struct call *call, const struct served_table *table)
{
	call->reply->status = 503;
	call->reply->retry_after_s = 1;
	strbuf_printf(&call->reply->body,
		"{\"error\":\"the table is being read\",\"loading\":%" PRId64 "}\n", table->events);
}

static void answer_table(struct call *call)
{
	struct reading_point at;
	struct error error = {0};
	struct served_table *table;
	int64_t page = 0, size = PAGE_ROWS;

	if (!point_of(call, &at) || !number_of(call, "page", INT32_MAX, &page) ||
		!number_of(call, "size", MOST_ROWS, &size))
		return;
	table = serve_table(call->serve, call->table, at.given ? at.ms : -1, &error);
	if (table)
		serve_table_read(table, PATIENCE_MS);
	if (table && table->error.kind != ERROR_NONE)
		error = table->error;
	if (error.kind != ERROR_NONE)
		fail_of_error(call, &error);
	else if (!table->at_end)
		answer_loading(call, table);
	else
		answer_rows(call, table, page, size ? size : PAGE_ROWS);
}

/* --- A row --- */

static char *stream_of(const struct call *call)
{
	struct strbuf name = {0};

	strbuf_printf(&name, "%s-%s", call->table, call->key);
	return strbuf_steal(&name);
}

static void add_row_head(struct call *call, const char *stream)
{
	struct strbuf *out = &call->reply->body;

	strbuf_add_text(out, "{\"table\":");
	strbuf_add_json(out, span_of(call->table));
	add_text(out, "key", span_of(call->key));
	add_text(out, "stream", span_of(stream));
}

static void answer_row(struct call *call)
{
	struct row_moment moment = {0};
	struct reading_point point;
	struct error error = {0};
	char *stream = stream_of(call);
	struct strbuf *out = &call->reply->body;
	int64_t revision = -1;

	if (!point_of(call, &point) || !number_of(call, "revision", INT64_MAX, &revision))
		goto done;
	if (revision >= 0)
		point = (struct reading_point){.given = true, .revision = revision};
	if (!reading_moment(call->serve->reading, stream, &point, &moment, &error) ||
		!moment.lives) {
		if (error.kind == ERROR_NONE)
			reading_no_row(stream, &moment, &error);
		fail_of_error(call, &error);
		goto done;
	}
	add_row_head(call, stream);
	strbuf_printf(out, ",\"revision\":%" PRId64, moment.revision);
	add_time(out, "time", moment.ts_ms);
	add_text(out, "op", (struct span){&moment.op, 1});
	strbuf_add_text(out, ",\"row\":");
	strbuf_add_span(out, strbuf_span(&moment.row));
	strbuf_add_text(out, ",\"history\":\"");
	add_href(out, call, span_of(call->key));
	strbuf_add_text(out, "/history\"}\n");
	snprintf(call->reply->etag, sizeof(call->reply->etag), "\"%" PRId64 "\"", moment.revision);
done:
	strbuf_clear(&moment.row);
	free(stream);
}

/* --- A row's life --- */

static void add_step(struct strbuf *out, const struct row_step *step, struct row_diff *diff)
{
	const struct row_event *event = step->event;
	size_t i;

	strbuf_printf(out, "{\"revision\":%" PRId64, event->revision);
	add_time(out, "time", event->ts_ms);
	add_text(out, "op", (struct span){&event->seen.op, event->seen.op ? 1 : 0});
	add_text(out, "txid", event->seen.txid);
	add_text(out, "topic", event->seen.topic);
	strbuf_printf(out, ",\"partition\":%d,\"offset\":%" PRId64, (int)event->seen.partition,
		event->seen.offset);
	if (event->moved_to.ptr)
		strbuf_printf(out, ",\"moved_to\":%.*s", SPAN_ARG(event->moved_to));
	if (event->moved_from.ptr)
		strbuf_printf(out, ",\"moved_from\":%.*s", SPAN_ARG(event->moved_from));
	strbuf_add_text(out, ",\"changes\":[");
	if (step->fate == ROW_LIVES && row_diff_make(diff, step->before, step->after)) {
		for (i = 0; i < diff->count; i++) {
			if (i)
				strbuf_add_char(out, ',');
			column_change_json(&diff->changes[i], out);
		}
	}
	strbuf_add_text(out, "]}");
}

/* Events from `from` on, at most size. Returns the revision of the first one behind them, or -1. */
static int64_t add_steps(struct call *call, struct row_walk *walk, int64_t from, int64_t size,
	int64_t *last, struct error *error)
{
	const struct row_step *step;
	struct row_diff diff = {0};
	int64_t count = 0, next = -1;

	while (row_walk_next(walk, &step, error) == READER_EVENT) {
		*last = step->event->revision;
		if (*last < from)
			continue;
		if (count == size && next < 0)
			next = *last;
		if (count < size) {
			if (count++)
				strbuf_add_char(&call->reply->body, ',');
			add_step(&call->reply->body, step, &diff);
		}
	}
	row_diff_clear(&diff);
	return next;
}

static void answer_history(struct call *call)
{
	char *stream = stream_of(call);
	struct row_walk *walk = NULL;
	struct strbuf href = {0};
	struct error error = {0};
	int64_t from = 0, size = MOST_ROWS, last = -1, next;

	if (!number_of(call, "from", INT64_MAX, &from) ||
		!number_of(call, "size", MOST_ROWS, &size))
		goto done;
	if (!size)
		size = MOST_ROWS;
	walk = row_walk_open(call->serve->reading->store, stream);
	add_row_head(call, stream);
	strbuf_add_text(&call->reply->body, ",\"events\":[");
	next = add_steps(call, walk, from, size, &last, &error);
	strbuf_printf(&call->reply->body, "],\"begins\":%" PRId64, row_walk_first_revision(walk));
	if (next >= 0) {
		add_href(&href, call, span_of(call->key));
		strbuf_printf(&href, "/history?from=%" PRId64 "&size=%" PRId64, next, size);
	}
	add_next(call, &href);
	strbuf_add_text(&call->reply->body, "}\n");
	snprintf(call->reply->etag, sizeof(call->reply->etag), "\"%" PRId64 "\"", last);
	if (error.kind != ERROR_NONE)
		fail_of_error(call, &error);
done:
	strbuf_clear(&href);
	row_walk_close(walk);
	free(stream);
}

/* --- Routes --- */

/* "/tables/{table}/{key}/history", any part may be missing from the end. A key holds no "/": in a
 * stream's name that stands as "~2F". */
static bool split_path(struct call *call, const char *path)
{
	const char *rest = path + strlen("/tables"), *slash;

	if (*rest != '/' || rest[1] == '\0')
		return *rest == '\0' || rest[1] == '\0';
	rest++;
	slash = strchrnul(rest, '/');
	call->table = xstrndup(rest, (size_t)(slash - rest));
	if (*slash == '\0' || slash[1] == '\0')
		return true;
	rest = slash + 1;
	slash = strchrnul(rest, '/');
	call->key = xstrndup(rest, (size_t)(slash - rest));
	call->history = strcmp(slash, "/history") == 0;
	return call->history || *slash == '\0' || slash[1] == '\0';
}

static void answer_names(struct call *call)
{
	serve_names_read(call->serve->names, PATIENCE_MS);
	serve_names_json(call->serve->names, &call->reply->body);
	snprintf(call->reply->etag, sizeof(call->reply->etag), "\"%" PRId64 "\"",
		serve_names_version(call->serve->names));
}

static void answer_tables(struct call *call, const char *path)
{
	if (!split_path(call, path))
		fail(call, 404, "there is nothing here; /openapi.json says what there is");
	else if (call->history)
		answer_history(call);
	else if (call->key)
		answer_row(call);
	else if (call->table)
		answer_table(call);
	else
		answer_names(call);
	free(call->table);
	free(call->key);
}

void serve_answer(void *user, const struct http_request *request, struct http_reply *reply)
{
	struct call call = {.serve = user, .request = request, .reply = reply};
	const char *path = http_request_path(request);

	if (strcmp(path, "/") == 0) {
		reply->content_type = "text/html; charset=utf-8";
		strbuf_add(&reply->body, serve_page, serve_page_len);
	} else if (strcmp(path, "/openapi.json") == 0) {
		strbuf_add(&reply->body, serve_openapi, serve_openapi_len);
	} else if (strncmp(path, "/tables", strlen("/tables")) == 0) {
		answer_tables(&call, path);
	} else {
		fail(&call, 404, "there is nothing here; /openapi.json says what there is");
	}
}
