/* Projections as files: name, JavaScript, and whether it emits. */
#include "cmd_projections.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_BYTES (1 << 20)

/* A line "Emit: yes" of the comment that the file begins with, whatever decorates it. */
static bool says_emit(const char *source)
{
	const char *end = strstr(source, "*/"), *line = strstr(source, "Emit: yes");

	return line && end && line < end && strncmp(source, "/*", 2) == 0;
}

static bool read_file(const char *path, struct strbuf *source, struct error *error)
{
	FILE *file = fopen(path, "r");
	size_t got = 0;

	do {
		if (file)
			source->len += got = fread(strbuf_reserve(source, 65536), 1, 65536, file);
	} while (file && got > 0 && source->len <= LARGEST_BYTES);
	if (!file || ferror(file))
		error_set(error, ERROR_INPUT, "%s: %s", path, strerror(errno));
	else if (source->len > LARGEST_BYTES)
		error_set(error, ERROR_INPUT, "%s: over 1 MiB, this is no projection", path);
	else if (source->len == 0 || memchr(source->data, '\0', source->len))
		error_set(error, ERROR_INPUT, "%s: this is no JavaScript", path);
	if (file)
		fclose(file);
	if (source->data)
		source->data[source->len] = '\0';
	return error->kind == ERROR_NONE;
}

static bool add_file(const char *directory, const char *name, struct projection_files *files,
	struct error *error)
{
	struct projection_file *file;
	char *stem = xstrndup(name, strlen(name) - strlen(".js"));
	struct strbuf path = {0};
	bool good;

	files->items = xreallocarray(files->items, files->count + 1, sizeof(*files->items));
	file = &files->items[files->count++];
	*file = (struct projection_file){.name = projections_name(stem)};
	strbuf_printf(&path, "%s/%s", directory, name);
	good = read_file(path.data, &file->source, error);
	file->emits = good && says_emit(file->source.data);
	strbuf_clear(&path);
	free(stem);
	return good;
}

static int is_script(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && entry->d_name[0] != '.' && entry->d_name[0] != '$' &&
	       strcmp(entry->d_name + len - 3, ".js") == 0;
}

bool projection_files_read(
	const char *directory, struct projection_files *files, struct error *error)
{
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_script, alphasort), i;

	if (count < 0)
		error_set(error, ERROR_INPUT, "%s: %s; --dir names where the projections are",
			directory, strerror(errno));
	else if (count == 0)
		error_set(error, ERROR_INPUT, "%s: no *.js is there", directory);
	for (i = 0; i < count; i++) {
		if (error->kind == ERROR_NONE)
			add_file(directory, entries[i]->d_name, files, error);
		free(entries[i]);
	}
	free(entries);
	return error->kind == ERROR_NONE;
}

void projection_files_clear(struct projection_files *files)
{
	size_t i;

	for (i = 0; i < files->count; i++) {
		free(files->items[i].name);
		strbuf_clear(&files->items[i].source);
	}
	free(files->items);
	*files = (struct projection_files){0};
}
