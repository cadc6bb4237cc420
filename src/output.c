/* Results to standard output, or to a file that appears when it is whole. */
#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "strbuf.h"
#include "util.h"

struct output {
	FILE *file;
	char *path, *temporary; /* NULL: standard output */
};

/* What a signal must not leave behind; the last file opened, a command has one. */
static char *volatile to_remove;

static void remove_and_die(int number)
{
	if (to_remove)
		unlink(to_remove);
	signal(number, SIG_DFL);
	raise(number);
}

/* A command that has its own way to end on a signal keeps it. */
static void remove_on_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = remove_and_die}, before;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(numbers[i], &action, NULL);
}

/* As a file that a person makes with >: mkstemp's own 0600 would surprise. */
static void usual_mode(int descriptor)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(descriptor, 0666 & ~mask) != 0)
		return; /* a file system without modes */
}

static FILE *open_beside(const char *path, char **temporary)
{
	struct strbuf name = {0};
	FILE *file = NULL;
	int descriptor;

	strbuf_printf(&name, "%s.XXXXXX", path);
	*temporary = strbuf_steal(&name);
	descriptor = mkstemp(*temporary);
	if (descriptor >= 0) {
		to_remove = *temporary;
		remove_on_signals();
		usual_mode(descriptor);
		file = fdopen(descriptor, "w");
	}
	return file;
}

struct output *output_open(const char *path, struct error *error)
{
	struct output *output = xcalloc(1, sizeof(*output));

	output->file = stdout;
	if (!path || strcmp(path, "-") == 0)
		return output;
	output->path = xstrdup(path);
	output->file = open_beside(path, &output->temporary);
	if (output->file)
		return output;
	error_set(error, ERROR_INPUT, "%s cannot be written: %s", path, strerror(errno));
	to_remove = NULL;
	free(output->path);
	free(output->temporary);
	free(output);
	return NULL;
}

FILE *output_file(struct output *output)
{
	return output->file;
}

static bool finish_file(struct output *output)
{
	bool good = fflush(output->file) == 0 && !ferror(output->file);

	if (good && output->path)
		good = fsync(fileno(output->file)) == 0;
	if (output->path && fclose(output->file) != 0)
		good = false;
	return good;
}

bool output_close(struct output *output, bool whole, struct error *error)
{
	bool good = finish_file(output);

	if (output->path && good && whole)
		good = rename(output->temporary, output->path) == 0;
	if (!good)
		error_set(error, ERROR_FATAL, "%s: %s",
			output->path ? output->path : "standard output", strerror(errno));
	if (output->path && (!good || !whole))
		unlink(output->temporary);
	to_remove = NULL;
	free(output->path);
	free(output->temporary);
	free(output);
	return good;
}
