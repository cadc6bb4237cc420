/* Capture files: JSON lines of records as kcat prints them, plain or gzip. */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "strbuf.h"

#define MAX_LINE_BYTES (64u << 20)
#define CHUNK_BYTES (256u << 10)

struct capture {
	gzFile file;
	char *path;
	bool ended;
	long line;
	struct strbuf text; /* what was read and not given out yet, from at on */
	size_t at;
	json_t *root;		  /* the record's texts are inside */
	struct strbuf key, value; /* of _b64 members */
	struct header *headers;
	size_t headers_size;
};

struct capture *capture_open(const char *path, struct error *error)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));
	bool standard = strcmp(path, "-") == 0;
	int fd;

	capture->path = xstrdup(standard ? "standard input" : path);
	fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		capture->file = gzdopen(fd, "rb");
	if (!capture->file) {
		error_set(error, ERROR_INPUT, "%s: %s", capture->path,
			fd < 0 ? strerror(errno) : "cannot be read");
		if (fd >= 0)
			close(fd);
		capture_close(capture);
		return NULL;
	}
	gzbuffer(capture->file, CHUNK_BYTES);
	strbuf_reserve(&capture->text, CHUNK_BYTES); /* lines are offsets from it */
	return capture;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	if (capture->file)
		gzclose(capture->file);
	json_decref(capture->root);
	strbuf_clear(&capture->text);
	strbuf_clear(&capture->key);
	strbuf_clear(&capture->value);
	free(capture->headers);
	free(capture->path);
	free(capture);
}

long capture_line(const struct capture *capture)
{
	return capture->line;
}

/* --- Lines --- */

/* More of the file behind what is there; false at its end or when reading fails. */
static bool read_more(struct capture *capture, struct error *error)
{
	struct strbuf *text = &capture->text;
	const char *why;
	int got, code;

	if (capture->at > 0) {
		text->len -= capture->at;
		memmove(text->data, text->data + capture->at, text->len);
		capture->at = 0;
	}
	got = gzread(capture->file, strbuf_reserve(text, CHUNK_BYTES), CHUNK_BYTES);
	if (got > 0) {
		text->len += (size_t)got;
		return true;
	}
	capture->ended = true;
	/* A gzip file that was cut off is told by the error, not by the count. */
	why = gzerror(capture->file, &code);
	if (code == Z_ERRNO)
		error_set(error, ERROR_INPUT, "%s", strerror(errno));
	else if (code != Z_OK)
		error_set(error, ERROR_INPUT, "%s",
			code == Z_BUF_ERROR ? "the compressed file is cut off" : why);
	return false;
}

/* Nothing more comes of this file. */
static int give_up(struct capture *capture)
{
	capture->ended = true;
	capture->at = capture->text.len;
	capture->line++;
	return -1;
}

/* The next line without its end, inside text until the next call. 1, 0 at the end, -1. */
static int read_line(struct capture *capture, struct span *line, struct error *error)
{
	struct strbuf *text = &capture->text;
	size_t seen = 0;

	for (;;) {
		const char *from = text->data + capture->at;
		size_t len = text->len - capture->at;
		const char *end = len > seen ? memchr(from + seen, '\n', len - seen) : NULL;

		if (end || (capture->ended && len > 0)) {
			*line = (struct span){from, end ? (size_t)(end - from) : len};
			capture->at += line->len + (end != NULL);
			capture->line++;
			return 1;
		}
		if (capture->ended)
			return 0;
		if (len > MAX_LINE_BYTES) {
			error_set(error, ERROR_INPUT, "longer than 64 MiB");
			return give_up(capture);
		}
		seen = len;
		if (!read_more(capture, error) && error->kind != ERROR_NONE)
			return give_up(capture);
	}
}

/* --- Records --- */

/* Strict: nettle would pass over white space. */
static bool base64_text(const json_t *value, struct strbuf *out)
{
	struct base64_decode_ctx context;
	size_t len = json_string_length(value), decoded = 0;

	if (strcspn(json_string_value(value), " \t\r\n\f\v") != len)
		return false;
	strbuf_reset(out);
	strbuf_reserve(out, BASE64_DECODE_LENGTH(len));
	base64_decode_init(&context);
	if (!base64_decode_update(
		    &context, &decoded, (uint8_t *)out->data, len, json_string_value(value)) ||
		!base64_decode_final(&context))
		return false;
	out->len = decoded;
	return true;
}

/* "key", or "key_b64" where the bytes are no UTF-8. Neither: null. */
static bool read_bytes(struct capture *capture, const char *name, const char *name_b64,
	struct strbuf *room, struct span *bytes, struct error *error)
{
	const json_t *text = json_object_get(capture->root, name);
	const json_t *encoded = json_object_get(capture->root, name_b64);

	*bytes = SPAN_NULL;
	if (json_is_string(encoded) && json_is_string(text)) {
		error_set(error, ERROR_INPUT, "both '%s' and '%s'", name, name_b64);
		return false;
	}
	if (json_is_string(encoded)) {
		if (!base64_text(encoded, room)) {
			error_set(error, ERROR_INPUT, "'%s' is no base64", name_b64);
			return false;
		}
		*bytes = strbuf_span(room);
	} else if (json_is_string(text)) {
		*bytes = (struct span){json_string_value(text), json_string_length(text)};
	} else if ((text && !json_is_null(text)) || (encoded && !json_is_null(encoded))) {
		error_set(error, ERROR_INPUT, "'%s' is neither text nor null",
			text && !json_is_null(text) ? name : name_b64);
		return false;
	} else if (!text && !encoded) {
		error_set(error, ERROR_INPUT, "no '%s'", name);
		return false;
	}
	return true;
}

static bool read_headers(struct capture *capture, struct record *record, struct error *error)
{
	const json_t *list = json_object_get(capture->root, "headers");
	size_t i, count = json_array_size(list);

	if (list && !json_is_array(list) && !json_is_null(list)) {
		error_set(error, ERROR_INPUT, "'headers' is no list");
		return false;
	}
	if (count % 2) {
		error_set(error, ERROR_INPUT, "'headers' has a name without a value");
		return false;
	}
	if (count / 2 > capture->headers_size) {
		capture->headers_size = count / 2;
		capture->headers = xreallocarray(
			capture->headers, capture->headers_size, sizeof(*capture->headers));
	}
	for (i = 0; i < count; i += 2) {
		const json_t *name = json_array_get(list, i), *value = json_array_get(list, i + 1);

		if (!json_is_string(name) || !(json_is_string(value) || json_is_null(value))) {
			error_set(error, ERROR_INPUT,
				"'headers' is no list of names and values (text or null)");
			return false;
		}
		capture->headers[i / 2] =
			(struct header){{json_string_value(name), json_string_length(name)},
				{json_string_value(value), json_string_length(value)}};
	}
	record->headers = capture->headers;
	record->header_count = count / 2;
	return true;
}

static bool read_number(struct capture *capture, const char *name, int64_t low, int64_t high,
	int64_t *number, struct error *error)
{
	const json_t *value = json_object_get(capture->root, name);

	if (json_is_integer(value) && json_integer_value(value) >= low &&
		json_integer_value(value) <= high) {
		*number = json_integer_value(value);
		return true;
	}
	if (value)
		error_set(error, ERROR_INPUT,
			"'%s' is no whole number from %" PRId64 " to %" PRId64, name, low, high);
	else
		error_set(error, ERROR_INPUT, "no '%s'", name);
	return false;
}

static bool read_topic(struct capture *capture, struct record *record, struct error *error)
{
	const json_t *topic = json_object_get(capture->root, "topic");

	record->topic = json_string_value(topic);
	/* It is handled as a C string from here on. */
	if (record->topic && *record->topic && strlen(record->topic) == json_string_length(topic))
		return true;
	error_set(error, ERROR_INPUT, topic ? "'topic' is no name of a topic" : "no 'topic'");
	return false;
}

static bool read_record(struct capture *capture, struct record *record, struct error *error)
{
	const json_t *ts = json_object_get(capture->root, "ts");
	int64_t partition;

	*record = (struct record){.timestamp_ms = -1};
	if (!read_topic(capture, record, error) ||
		!read_number(capture, "partition", 0, INT32_MAX, &partition, error) ||
		!read_number(capture, "offset", 0, INT64_MAX, &record->offset, error))
		return false;
	record->partition = (int32_t)partition;
	if (ts && !json_is_null(ts) &&
		!read_number(capture, "ts", -1, INT64_MAX, &record->timestamp_ms, error))
		return false;
	return read_headers(capture, record, error) &&
	       read_bytes(capture, "key", "key_b64", &capture->key, &record->key, error) &&
	       read_bytes(
		       capture, "payload", "payload_b64", &capture->value, &record->value, error);
}

static bool parse_line(
	struct capture *capture, struct span line, struct record *record, struct error *error)
{
	json_error_t why;

	json_decref(capture->root);
	capture->root =
		json_loadb(line.ptr, line.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
	if (!capture->root) {
		/* jansson quotes the text near the mistake, which is row data. */
		error_set(error, ERROR_INPUT, "no JSON: %.*s, at byte %d",
			(int)strcspn(why.text, "'\n"), why.text, why.position);
		return false;
	}
	if (!json_is_object(capture->root)) {
		error_set(error, ERROR_INPUT, "no JSON object");
		return false;
	}
	return read_record(capture, record, error);
}

static bool is_blank(struct span line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (!memchr(" \t\r", line.ptr[i], 3))
			return false;
	return true;
}

int capture_next(struct capture *capture, struct record *record, struct error *error)
{
	struct span line;
	int got;

	do
		got = read_line(capture, &line, error);
	while (got > 0 && is_blank(line));
	if (got > 0 && !parse_line(capture, line, record, error))
		got = -1;
	if (got < 0)
		error_context(error, "%s line %ld", capture->path, capture->line);
	return got;
}
