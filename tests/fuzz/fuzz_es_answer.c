/* Answers of a store: a head, an empty line and a body, whatever they hold. What is made of them
 * keeps its promises. */
#include <stdlib.h>
#include <string.h>

#include "../../src/es_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

/* libcurl's part: "HTTP/1.1 201 Created". */
static int status_of(struct span line)
{
	const char *space = memchr(line.ptr, ' ', line.len);
	int64_t status = 0;

	if (space && space + 4 <= line.ptr + line.len)
		span_to_int64((struct span){space + 1, 3}, &status);
	return (int)status;
}

/* Lines up to an empty one go into the answer; the rest is its body. */
static void take(struct es_answer *answer, struct span input)
{
	es_answer_reset(answer);
	for (;;) {
		const char *end = input.len ? memchr(input.ptr, '\n', input.len) : NULL;
		struct span line = {input.ptr, end ? (size_t)(end - input.ptr) : input.len};

		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		input = end ? (struct span){end + 1, input.len - (size_t)(end + 1 - input.ptr)}
			    : (struct span){"", 0};
		if (line.len == 0)
			break;
		if (es_answer_line(answer, line))
			answer->status = status_of(line);
	}
	answer->body = input;
}

static void check_append(const struct es_answer *answer)
{
	int64_t first = -1;
	enum append_outcome outcome = es_answer_append(answer, &first);

	expect(outcome <= APPEND_UNKNOWN);
	expect((outcome == APPEND_WRITTEN) == (first >= 0));
	expect(outcome != APPEND_WRITTEN || answer->status == 201);
	expect(outcome != APPEND_CONFLICT || answer->current_version >= -1);
	expect(outcome != APPEND_REFUSED || answer->current_version == ES_NO_VERSION);
}

static void check_event(const struct es_page *page, size_t index)
{
	const struct stored_event *event = &page->events[index];
	const struct span texts[] = {
		event->stream, event->id, event->type, event->data, event->metadata};
	size_t i;

	expect(event->number >= 0 && event->number <= page->last_number);
	expect(index == 0 || event->number < page->events[index - 1].number);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(!texts[i].ptr || js_utf8_is_valid(texts[i]));
}

static void check_read(const struct es_answer *answer, struct es_page *page)
{
	size_t i;

	if (es_answer_read(answer, false, page) != READ_PAGE)
		return;
	expect(answer->status == 200);
	for (i = 0; i < page->count; i++)
		check_event(page, i);
	expect(page->count == 0 || page->events[page->count - 1].number > 0 || page->at_start);
}

static void check_text(const struct es_answer *answer)
{
	char text[256];
	const char *c;

	es_answer_text(answer, "", text, sizeof(text));
	expect(strlen(text) < sizeof(text));
	for (c = text; *c; c++)
		expect((unsigned char)*c >= ' ' && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Kept from input to input, as the pool keeps them from answer to answer. */
	static struct es_answer answer;
	static struct es_page page;

	take(&answer, (struct span){(const char *)data, size});
	check_append(&answer);
	check_read(&answer, &page);
	check_text(&answer);
	return 0;
}
