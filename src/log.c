/* Log lines on standard error; one write(2) a line, so that lines of several processes on one pipe
 * do not mix. */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "strbuf.h"
#include "terminal.h"
#include "util.h"

#define NUMBERS 8

static struct {
	enum log_level level;
	enum log_format format;
	char *progress; /* what stands at the terminal's foot, or NULL */
	char numbers[NUMBERS][24];
	unsigned next_number;
} state = {LOG_INFO, LOG_AUTO, NULL, {{0}}, 0};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_colors[] = {"\033[31m", "\033[33m", "\033[32m", "\033[2m"};

void log_setup(enum log_level level, enum log_format format)
{
	state.level = level;
	state.format = format;
}

bool log_enabled(enum log_level level)
{
	return level <= state.level;
}

bool log_is_terminal(void)
{
	return terminal_is(STDERR_FILENO);
}

const char *log_number(long long value)
{
	char *text = state.numbers[state.next_number++ % NUMBERS];

	snprintf(text, sizeof(state.numbers[0]), "%lld", value);
	return text;
}

/* Only what log_number made is a number in JSON: a stream that happens to be called 17 is not. */
static bool is_log_number(const char *value)
{
	return value >= state.numbers[0] && value < state.numbers[0] + sizeof(state.numbers);
}

static enum log_format format_now(void)
{
	if (state.format != LOG_AUTO)
		return state.format;
	return isatty(STDERR_FILENO) ? LOG_TEXT : LOG_KEY_VALUE;
}

/* --- a line's parts --- */

static void add_time(struct strbuf *line, enum log_format format)
{
	int64_t now = wall_ms();
	time_t seconds = (time_t)(now / 1000);
	char text[32];
	struct tm tm;

	if (format == LOG_TEXT) {
		localtime_r(&seconds, &tm);
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
		strbuf_add_text(line, text);
		return;
	}
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_printf(line, "%s.%03dZ", text, (int)(now % 1000));
}

/* A value of these characters alone can be read back without quotes. */
static bool is_bare(const char *value)
{
	return *value && !strpbrk(value, " \t\r\n\"=\\");
}

static void add_value(struct strbuf *line, const char *value)
{
	size_t before = line->len;

	terminal_add_visible(line, span_of(value));
	if (is_bare(value) && line->len - before == strlen(value))
		return;
	line->len = before;
	terminal_add_quoted(line, span_of(value));
}

static void add_json_text(struct strbuf *line, const char *text)
{
	struct strbuf visible = {0};

	if (!terminal_is_utf8(span_of(text)))
		terminal_add_visible(&visible, span_of(text));
	strbuf_add_json(line, visible.len ? strbuf_span(&visible) : span_of(text));
	strbuf_clear(&visible);
}

static void add_pair(
	struct strbuf *line, enum log_format format, const char *name, const char *value)
{
	bool color = format == LOG_TEXT && terminal_has_color(STDERR_FILENO);

	if (format != LOG_JSON) {
		strbuf_printf(line, color ? " \033[2m%s=\033[0m" : " %s=", name);
		add_value(line, value);
		return;
	}
	strbuf_printf(line, ",\"%s\":", name);
	if (is_log_number(value))
		strbuf_add_text(line, value);
	else
		add_json_text(line, value);
}

static void begin_line(
	struct strbuf *line, enum log_format format, enum log_level level, const char *message)
{
	const char *name = level_names[level];

	if (format == LOG_JSON) {
		strbuf_add_text(line, "{\"time\":\"");
		add_time(line, format);
		strbuf_printf(line, "\",\"level\":\"%s\",\"message\":", name);
		add_json_text(line, message);
		return;
	}
	add_time(line, format);
	if (format == LOG_TEXT && terminal_has_color(STDERR_FILENO))
		strbuf_printf(line, " %s%-5s\033[0m ", level_colors[level], name);
	else
		strbuf_printf(line, " %-5s ", name);
	terminal_add_visible(line, span_of(message));
}

/* --- to the descriptor --- */

/* A line that cannot be written is lost: there is nobody left to tell. */
static void write_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(STDERR_FILENO, bytes, len);

		if (written < 0 && errno == EINTR)
			continue;
		/* Somebody else made our descriptor non-blocking; a reader that does not read for
		 * a second costs the line. */
		if (written < 0 && errno == EAGAIN &&
			poll(&(struct pollfd){STDERR_FILENO, POLLOUT, 0}, 1, 1000) == 1)
			continue;
		if (written <= 0)
			return;
		bytes += written;
		len -= (size_t)written;
	}
}

static void add_progress(struct strbuf *out)
{
	struct span text = span_of(state.progress);

	/* One column stays free: a full line would wrap, and "\r" not lead back to its start. */
	if (state.progress)
		strbuf_add(out, text.ptr, terminal_cut(text, terminal_width(STDERR_FILENO) - 1));
}

static void end_line(struct strbuf *line, enum log_format format)
{
	struct strbuf out = {0};
	int saved = errno;

	if (state.progress)
		strbuf_add_text(&out, "\r\033[K");
	strbuf_add_span(&out, strbuf_span(line));
	strbuf_add_text(&out, format == LOG_JSON ? "}\n" : "\n");
	add_progress(&out);
	write_all(out.data, out.len);
	strbuf_clear(&out);
	strbuf_clear(line);
	errno = saved;
}

void log_line(enum log_level level, const char *message, ...)
{
	enum log_format format = format_now();
	struct strbuf line = {0};
	const char *name;
	va_list pairs;

	if (!log_enabled(level))
		return;
	begin_line(&line, format, level, message);
	va_start(pairs, message);
	while ((name = va_arg(pairs, const char *))) {
		const char *value = va_arg(pairs, const char *);

		if (value)
			add_pair(&line, format, name, value);
	}
	va_end(pairs);
	end_line(&line, format);
}

void log_text(enum log_level level, const char *text, ...)
{
	enum log_format format = format_now();
	struct strbuf line = {0};
	char message[2048];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, text);
	vsnprintf(message, sizeof(message), text, args);
	va_end(args);
	begin_line(&line, format, level, message);
	end_line(&line, format);
}

void log_progress(const char *text)
{
	struct strbuf out = {0}, visible = {0};

	if (!log_is_terminal() || (!text && !state.progress))
		return;
	free(state.progress);
	state.progress = NULL;
	if (text) {
		terminal_add_visible(&visible, span_of(text));
		state.progress = strbuf_steal(&visible);
	}
	strbuf_add_text(&out, "\r\033[K");
	add_progress(&out);
	write_all(out.data, out.len);
	strbuf_clear(&out);
}
