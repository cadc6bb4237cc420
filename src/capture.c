/* Capture files: JSON lines of records as kcat prints them, plain or gzip. */
#include "capture.h"

#include <errno.h>
#include <jansson.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "strbuf.h"

#define MAX_LINE_BYTES (64u << 20)

struct capture {
	gzFile file;
	char *path;
	long line;
	struct strbuf text;
	json_t *root;		  /* the record's texts are inside */
	struct strbuf key, value; /* of _b64 members */
	struct header *headers;
	size_t headers_size;
};

struct capture *capture_open(const char *path, struct error *error)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));
	bool standard = strcmp(path, "-") == 0;

	capture->path = xstrdup(standard ? "standard input" : path);
	errno = 0;
	capture->file = standard ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rb");
	if (!capture->file) {
		error_set(error, ERROR_INPUT, "%s: %s", capture->path,
			errno ? strerror(errno) : "out of memory");
		capture_close(capture);
		return NULL;
	}
	gzbuffer(capture->file, 256 * 1024);
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

/* One line without its end. 1, 0 at the end of the file, -1. */
static int read_line(struct capture *capture, struct error *error)
{
	int code;

	strbuf_reset(&capture->text);
	for (;;) {
		char *at = strbuf_reserve(&capture->text, 64 * 1024);
		size_t len;

		if (!gzgets(capture->file, at, 64 * 1024))
			break;
		len = strlen(at);
		capture->text.len += len;
		if (len && at[len - 1] == '\n') {
			at[len - 1] = '\0';
			capture->text.len--;
			return 1;
		}
		if (capture->text.len > MAX_LINE_BYTES) {
			error_set(error, ERROR_INPUT, "longer than 64 MiB, or no text");
			return -1;
		}
	}
	gzerror(capture->file, &code);
	if (code != Z_OK && code != Z_STREAM_END) {
		error_set(error, ERROR_INPUT, "%s",
			code == Z_ERRNO ? strerror(errno) : gzerror(capture->file, &code));
		gzclearerr(capture->file);
		return -1;
	}
	return capture->text.len > 0;
}

static bool base64_text(const json_t *value, struct strbuf *out)
{
	struct base64_decode_ctx context;
	size_t len = json_string_length(value), decoded = 0;

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
	if (json_is_string(encoded)) {
		if (!base64_text(encoded, room)) {
			error_set(error, ERROR_INPUT, "'%s' is no base64", name_b64);
			return false;
		}
		*bytes = strbuf_span(room);
	} else if (json_is_string(text)) {
		*bytes = (struct span){json_string_value(text), json_string_length(text)};
	} else if ((text && !json_is_null(text)) || (encoded && !json_is_null(encoded))) {
		error_set(error, ERROR_INPUT, "'%s' is neither text nor null", name);
		return false;
	}
	return true;
}

static bool read_headers(struct capture *capture, struct record *record, struct error *error)
{
	const json_t *list = json_object_get(capture->root, "headers");
	size_t i, count = json_array_size(list);

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

	if (!json_is_integer(value) || json_integer_value(value) < low ||
		json_integer_value(value) > high) {
		error_set(
			error, ERROR_INPUT, "'%s' is no number from %lld on", name, (long long)low);
		return false;
	}
	*number = json_integer_value(value);
	return true;
}

static bool read_record(struct capture *capture, struct record *record, struct error *error)
{
	const json_t *topic = json_object_get(capture->root, "topic");
	const json_t *ts = json_object_get(capture->root, "ts");
	int64_t partition;

	*record = (struct record){.timestamp_ms = -1};
	if (!json_is_string(topic) || json_string_length(topic) == 0 ||
		strlen(json_string_value(topic)) != json_string_length(topic)) {
		error_set(error, ERROR_INPUT, "'topic' is no text");
		return false;
	}
	record->topic = json_string_value(topic);
	if (!read_number(capture, "partition", 0, INT32_MAX, &partition, error) ||
		!read_number(capture, "offset", 0, INT64_MAX, &record->offset, error))
		return false;
	record->partition = (int32_t)partition;
	if (json_is_integer(ts))
		record->timestamp_ms = json_integer_value(ts);
	return read_headers(capture, record, error) &&
	       read_bytes(capture, "key", "key_b64", &capture->key, &record->key, error) &&
	       read_bytes(
		       capture, "payload", "payload_b64", &capture->value, &record->value, error);
}

static bool parse_line(struct capture *capture, struct record *record, struct error *error)
{
	json_error_t why;

	json_decref(capture->root);
	capture->root = json_loadb(capture->text.data, capture->text.len,
		JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(capture->root)) {
		error_set(error, ERROR_INPUT, "no JSON object: %s",
			capture->root ? "another kind of value" : why.text);
		return false;
	}
	return read_record(capture, record, error);
}

int capture_next(struct capture *capture, struct record *record, struct error *error)
{
	int got;

	do {
		got = read_line(capture, error);
		capture->line++;
	} while (got > 0 && strspn(capture->text.data, " \t\r") == capture->text.len);
	if (got > 0 && !parse_line(capture, record, error))
		got = -1;
	if (got < 0)
		error_context(error, "%s line %ld", capture->path, capture->line);
	return got;
}
