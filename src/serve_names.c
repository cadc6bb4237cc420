/* Which tables there are: the categories of the streams that $all names. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"
#include "table.h"

#define AGAIN_MS 5000 /* how old the list may get */

struct name {
	char *text;
	int64_t events;
};

struct serve_names {
	struct reader *reader; /* NULL: the operator named the tables */
	struct table by_text;
	struct name **list;
	size_t count;
	int64_t read, read_ms;
	bool at_end;
	struct error error;
};

static struct name *add_name(struct serve_names *names, struct span text)
{
	struct name *name = table_get(&names->by_text, text);

	if (name)
		return name;
	name = xcalloc(1, sizeof(*name));
	name->text = xstrndup(text.ptr, text.len);
	names->list = xreallocarray(names->list, names->count + 1, sizeof(struct name *));
	names->list[names->count++] = name;
	table_put(&names->by_text, span_of(name->text), name);
	return name;
}

struct serve_names *serve_names_new(struct eventstore *store, const struct text_list *fixed)
{
	struct serve_names *names = xcalloc(1, sizeof(*names));
	struct reader_options options = {.stream = "$all", .page_events = 2000, .names_only = true};
	size_t i;

	for (i = 0; i < fixed->count; i++)
		add_name(names, span_of(fixed->items[i]))->events = -1;
	names->at_end = fixed->count > 0;
	if (!fixed->count)
		names->reader = reader_open(store, &options);
	return names;
}

void serve_names_free(struct serve_names *names)
{
	size_t i;

	if (!names)
		return;
	reader_close(names->reader);
	for (i = 0; i < names->count; i++) {
		free(names->list[i]->text);
		free(names->list[i]);
	}
	free(names->list);
	table_clear(&names->by_text);
	free(names);
}

/* The part before the first '-', as $by_category has it. No table's name begins with '$' or '~' and
 * a letter (mapping.md, section 1). */
static void count_stream(struct serve_names *names, struct span stream)
{
	const char *dash = stream.len ? memchr(stream.ptr, '-', stream.len) : NULL;

	names->read++;
	if (dash && dash > stream.ptr && stream.ptr[0] != '$' && stream.ptr[0] != '~')
		add_name(names, (struct span){stream.ptr, (size_t)(dash - stream.ptr)})->events++;
}

bool serve_names_read(struct serve_names *names, int64_t budget_ms)
{
	int64_t until_ms = clock_ms() + budget_ms;
	const struct stored_event *event;
	enum reader_step step = READER_EVENT;

	if (!names->reader || (names->at_end && clock_ms() - names->read_ms < AGAIN_MS))
		return false;
	error_clear(&names->error);
	while (clock_ms() < until_ms &&
		(step = reader_next(names->reader, &event, &names->error)) == READER_EVENT)
		count_stream(names, event->stream);
	names->read_ms = clock_ms();
	names->at_end = step != READER_EVENT;
	return !names->at_end;
}

int64_t serve_names_version(const struct serve_names *names)
{
	return names->read * 2 + names->at_end;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(
		(*(const struct name *const *)a)->text, (*(const struct name *const *)b)->text);
}

static void add_name_json(const struct name *name, struct strbuf *out)
{
	strbuf_add_text(out, "{\"name\":");
	strbuf_add_json(out, span_of(name->text));
	if (name->events >= 0)
		strbuf_printf(out, ",\"events\":%" PRId64, name->events);
	strbuf_add_text(out, ",\"href\":\"/tables/");
	serve_add_escaped(out, span_of(name->text));
	strbuf_add_text(out, "\"}");
}

void serve_names_json(struct serve_names *names, struct strbuf *out)
{
	size_t i;

	if (names->count)
		qsort(names->list, names->count, sizeof(struct name *), by_text);
	strbuf_add_text(out, "{\"tables\":[");
	for (i = 0; i < names->count; i++) {
		if (i)
			strbuf_add_char(out, ',');
		add_name_json(names->list[i], out);
	}
	strbuf_printf(out, "],\"complete\":%s,\"read\":%" PRId64,
		names->at_end && names->error.kind == ERROR_NONE ? "true" : "false", names->read);
	if (names->error.kind != ERROR_NONE) {
		strbuf_add_text(out, ",\"error\":");
		strbuf_add_json(out, span_of(names->error.text));
	}
	strbuf_add_text(out, "}\n");
}
