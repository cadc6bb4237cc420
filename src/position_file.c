/* "<position> <stream>", one line. */
#include "position_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "strbuf.h"

#define MOST_BYTES 8192

static bool read_line(const char *path, struct strbuf *line, struct error *error)
{
	FILE *file = fopen(path, "re");

	if (!file && errno == ENOENT)
		return true;
	if (file) {
		line->len = fread(strbuf_reserve(line, MOST_BYTES), 1, MOST_BYTES, file);
		line->data[line->len] = '\0';
	}
	if (!file || ferror(file))
		error_set(error, ERROR_INPUT, "%s cannot be read: %s", path, strerror(errno));
	else if (line->len == 0)
		error_set(error, ERROR_INPUT, "%s is empty, which no position file is", path);
	if (file)
		fclose(file);
	return error->kind == ERROR_NONE;
}

/* line: not empty. */
static void take_line(const char *path, struct span line, const char *stream,
	char position[POSITION_BYTES], struct error *error)
{
	const char *space = memchr(line.ptr, ' ', line.len);
	size_t len = space ? (size_t)(space - line.ptr) : line.len;
	struct span kept;

	if (!space || len == 0 || len >= POSITION_BYTES || line.ptr[line.len - 1] != '\n') {
		error_set(error, ERROR_INPUT,
			"%s is no position file: it holds one line, '<position> <stream>'", path);
		return;
	}
	kept = (struct span){space + 1, line.len - len - 2};
	if (!span_is(kept, stream))
		error_set(error, ERROR_INPUT, "%s is a position in %.*s, not in %s", path,
			SPAN_ARG(kept), stream);
	else
		snprintf(position, POSITION_BYTES, "%.*s", (int)len, line.ptr);
}

bool position_file_read(
	const char *path, const char *stream, char position[POSITION_BYTES], struct error *error)
{
	struct strbuf line = {0};

	position[0] = '\0';
	if (read_line(path, &line, error) && line.len)
		take_line(path, strbuf_span(&line), stream, position, error);
	strbuf_clear(&line);
	return error->kind == ERROR_NONE;
}

bool position_file_write(
	const char *path, const char *stream, const char *position, struct error *error)
{
	struct output *output = output_open(path, error);

	if (!output)
		return false;
	fprintf(output_file(output), "%s %s\n", position, stream);
	return output_close(output, true, error);
}
