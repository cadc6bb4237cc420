/* ${NAME} and ${file:/path} inside a value of the configuration. */
#include "config_expand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_FILE ((size_t)1 << 20)

static bool read_all(FILE *file, struct strbuf *out)
{
	size_t got;

	do {
		got = fread(strbuf_reserve(out, 4096), 1, 4096, file);
		out->len += got;
		out->data[out->len] = '\0';
	} while (got > 0 && out->len <= LARGEST_FILE);
	return !ferror(file);
}

bool config_read_file(const char *path, struct strbuf *out, struct error *error)
{
	FILE *file = fopen(path, "re");
	size_t before = out->len;

	if (!file || !read_all(file, out))
		error_set(error, ERROR_INPUT, "cannot read %s: %s", path, strerror(errno));
	else if (out->len - before > LARGEST_FILE)
		error_set(error, ERROR_INPUT, "%s is larger than 1 MiB", path);
	else if (memchr(out->data + before, '\0', out->len - before))
		error_set(error, ERROR_INPUT, "%s is no text: it contains a NUL byte", path);
	if (file)
		fclose(file);
	return error->kind == ERROR_NONE;
}

static bool add_file(struct strbuf *out, const char *path, struct error *error)
{
	struct strbuf content = {0};
	bool ok = config_read_file(path, &content, error);
	size_t len;

	if (ok) {
		len = content.len;
		len -= len && content.data[len - 1] == '\n';
		len -= len < content.len && len && content.data[len - 1] == '\r';
		strbuf_add(out, content.data, len);
	}
	strbuf_clear(&content);
	return ok;
}

static bool is_variable_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	return *name && strchr(letters, *name) &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") ==
		       strlen(name);
}

static bool add_variable(struct strbuf *out, const char *name, struct error *error)
{
	const char *value;

	if (!is_variable_name(name)) {
		error_set(error, ERROR_INPUT,
			"${…} holds neither NAME nor file:/path; a literal ${ is written $${");
		return false;
	}
	value = getenv(name);
	if (!value) {
		error_set(error, ERROR_INPUT,
			"${%s}: there is no environment variable of that name", name);
		return false;
	}
	strbuf_add_text(out, value);
	return true;
}

/* inside: what stands between the braces. */
static bool add_reference(
	struct strbuf *out, const char *inside, bool *from_file, struct error *error)
{
	if (strncmp(inside, "file:", 5) != 0)
		return add_variable(out, inside, error);
	*from_file = true;
	return add_file(out, inside + 5, error);
}

static bool expand(struct strbuf *out, const char *text, bool *from_file, struct error *error)
{
	const char *next;

	for (; (next = strstr(text, "${")); text = next) {
		const char *end = strchr(next, '}');
		char *inside;
		bool ok;

		if (next > text && next[-1] == '$') {
			strbuf_add(out, text, (size_t)(next - text) - 1);
			strbuf_add_text(out, "${");
			next += 2;
			continue;
		}
		strbuf_add(out, text, (size_t)(next - text));
		if (!end) {
			error_set(error, ERROR_INPUT,
				"${ without its }; a literal ${ is written $${");
			return false;
		}
		inside = xstrndup(next + 2, (size_t)(end - next) - 2);
		ok = add_reference(out, inside, from_file, error);
		free(inside);
		if (!ok)
			return false;
		next = end + 1;
	}
	strbuf_add_text(out, text);
	return true;
}

const char *config_expand(
	struct arena *arena, const char *text, bool *from_file, struct error *error)
{
	struct strbuf out = {0};
	const char *copy = NULL;

	if (expand(&out, text, from_file, error))
		copy = arena_copy(arena, strbuf_span(&out)).ptr;
	strbuf_clear(&out);
	return copy;
}
