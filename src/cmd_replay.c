/* rowstream replay: a stream's events again, in order, to standard output or a Kafka topic. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "kafka_produce.h"
#include "log.h"
#include "position_file.h"
#include "reading.h"
#include "wire.h"

#define LONG_POLL_S 5
#define AWAY_PAUSE_MS 1000
/* While events come slowly the position is kept that often; else after every page. */
#define CHECKPOINT_MS 1000
/* How long a broker may still acknowledge after Ctrl-C. */
#define LAST_WAIT_MS 5000
#define OUT_BYTES 65536
#define ALL_DIGITS 32

static const char *from_text, *to_text, *position_path;
static bool follow, with_system;
static int64_t rate;

static const struct flag flags[] = {
	{.name = "from",
		.value = "POSITION",
		.meaning = "the first event: a revision, or of $all 32 hexadecimal digits "
			   "(default: the beginning)",
		.text = &from_text},
	{.name = "follow",
		.letter = 'f',
		.meaning = "go on with what is appended from now on, and wait for a store that is "
			   "away",
		.on = &follow},
	{.name = "to",
		.value = "TARGET",
		.meaning = "kafka:TOPIC, or - for standard output (default)",
		.text = &to_text},
	{.name = "position-file",
		.value = "FILE",
		.meaning = "remember there what was delivered, and go on from there",
		.text = &position_path},
	{.name = "rate",
		.value = "N",
		.meaning = "at most so many events a second",
		.number = &rate},
	{.name = "system",
		.meaning = "of $all: the store's own events and rowstream's too",
		.on = &with_system},
	{.name = NULL},
};

struct replay {
	struct reading reading;
	struct reader *reader;
	struct kafka_producer *producer; /* NULL: standard output */
	const char *stream;
	bool is_all;
	int stop_fd;

	struct js_doc doc;
	struct strbuf out, data, metadata; /* out: lines not yet written */
	char place[POSITION_BYTES];	   /* of the event at hand, as --from takes it */
	char next[POSITION_BYTES];	   /* everything before it was handed on */
	char kept[POSITION_BYTES];	   /* everything before it was delivered */
	int64_t delivered, gone, binary;
	int64_t kept_ms, due_us;
	bool shows_progress, away, stopped, complete, half_line;
};

/* --- Waiting --- */

static bool is_stopped(struct replay *replay, int timeout_ms)
{
	struct pollfd stop = {.fd = replay->stop_fd, .events = POLLIN};

	if (!replay->stopped && poll(&stop, 1, timeout_ms) > 0)
		replay->stopped = true;
	return replay->stopped;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A reader that closes its pipe ends us, as it ends every tool, whatever our parent set. */
	signal(SIGPIPE, SIG_DFL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* --- Standard output --- */

/* In pieces that a pipe takes without blocking, so that a reader that stands still does not keep us
 * from ending. */
static bool write_out(struct replay *replay, struct error *error)
{
	struct pollfd ready[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
		{.fd = replay->stop_fd, .events = POLLIN}};
	size_t at = 0;

	while (at < replay->out.len && !replay->half_line) {
		size_t piece = replay->out.len - at < PIPE_BUF ? replay->out.len - at : PIPE_BUF;
		ssize_t wrote = 0;

		if (poll(ready, 2, -1) > 0 && ready[0].revents)
			wrote = write(STDOUT_FILENO, replay->out.data + at, piece);
		else if (ready[1].revents)
			replay->stopped = replay->half_line = true;
		if (wrote < 0 && errno != EINTR && errno != EAGAIN) {
			error_set(error, ERROR_FATAL, "standard output: %s", strerror(errno));
			return false;
		}
		at += wrote > 0 ? (size_t)wrote : 0;
	}
	strbuf_reset(&replay->out);
	return !replay->half_line;
}

/* A process that was killed may have left half a line in the file that is appended to: ours would
 * stand behind it and be lost. */
static void end_half_line(struct replay *replay)
{
	off_t end = lseek(STDOUT_FILENO, 0, SEEK_END);
	int again = end > 0 ? open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC) : -1;
	char last = '\n';

	if (again < 0)
		return;
	if (pread(again, &last, 1, end - 1) == 1 && last != '\n')
		strbuf_add_char(&replay->out, '\n');
	close(again);
}

static void add_member(struct strbuf *line, const char *name, struct span text)
{
	strbuf_printf(line, "%s\"%s\":", line->data[line->len - 1] == '{' ? "" : ",", name);
	if (text.ptr)
		strbuf_add_json(line, text);
	else
		strbuf_add_text(line, "null");
}

static void print_event(struct replay *replay, const struct stored_event *event)
{
	struct strbuf *line = &replay->out;

	strbuf_add_char(line, '{');
	add_member(line, "stream", event->stream);
	strbuf_printf(line, ",\"revision\":%" PRId64, event->revision);
	add_member(line, "position", span_of(replay->place));
	add_member(line, "id", event->id);
	add_member(line, "type", event->type);
	add_member(line, "written", event->updated);
	strbuf_printf(
		line, ",\"data\":%s,\"metadata\":%s}\n", replay->data.data, replay->metadata.data);
}

/* The last line says whether the ones before it are all that there was. */
static void print_end(struct replay *replay)
{
	strbuf_printf(&replay->out, "{\"complete\":%s,\"events\":%" PRId64,
		replay->complete ? "true" : "false", replay->delivered);
	add_member(&replay->out, "next", span_of(replay->kept));
	strbuf_add_text(&replay->out, "}\n");
}

/* --- Kafka --- */

static bool produce_event(
	struct replay *replay, const struct stored_event *event, struct error *error)
{
	char revision[24];
	struct header headers[] = {{span_of("id"), event->id}, {span_of("type"), event->type},
		{span_of("revision"), SPAN_NULL}, {span_of("written"), event->updated},
		{span_of("metadata"), strbuf_span(&replay->metadata)}};
	/* No timestamp: with the event's own an old event would be past the topic's retention. */
	struct record record = {.key = event->stream,
		.value = strbuf_span(&replay->data),
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0])};

	snprintf(revision, sizeof(revision), "%" PRId64, event->revision);
	headers[2].value = span_of(revision);
	if (kafka_produce(replay->producer, &record, error))
		return true;
	error_context(error, "revision %s of %.*s", revision, SPAN_ARG(event->stream));
	return false;
}

static bool await_acknowledgements(struct replay *replay, struct error *error)
{
	int64_t since_ms = clock_ms(), stopped_ms = 0;
	bool told = false;

	while (!kafka_produced(replay->producer, 250, error)) {
		if (error->kind != ERROR_NONE)
			return false;
		if (is_stopped(replay, 0) && !stopped_ms)
			stopped_ms = clock_ms();
		if (stopped_ms && clock_ms() - stopped_ms > LAST_WAIT_MS) {
			error_set(error, ERROR_RETRY,
				"kafka did not acknowledge the last events: %s",
				kafka_producer_trouble(replay->producer));
			return false;
		}
		if (!told && clock_ms() - since_ms > LAST_WAIT_MS) {
			log_line(LOG_WARN, "waiting for kafka to acknowledge", "error",
				kafka_producer_trouble(replay->producer), NULL);
			told = true;
		}
	}
	return true;
}

/* --- Events --- */

static bool begins(struct span text, const char *with)
{
	return text.len >= strlen(with) && memcmp(text.ptr, with, strlen(with)) == 0;
}

/* In $all stand the store's statistics, metadata of streams and, where projections run, every
 * event once more in each stream of links; and what bridges remember. */
static bool is_system(const struct stored_event *event)
{
	struct span in = event->read_in.ptr ? event->read_in : event->stream;

	return begins(in, "$") || begins(event->type, "$") || begins(in, "~rowstream-");
}

/* The server indents what it stores. */
static void compact(struct replay *replay, struct span text, struct strbuf *out)
{
	struct error ignored = {0};

	strbuf_reset(out);
	if (!text.ptr)
		strbuf_add_text(out, "null");
	else if (js_parse(&replay->doc, text, JS_MAX_DEPTH, &ignored))
		js_compact(&replay->doc, 0, out);
	else
		strbuf_add_json(out, text);
}

/* False: stopped, or an error. */
static bool pace(struct replay *replay, struct error *error)
{
	int64_t now = clock_us();

	if (rate <= 0)
		return true;
	if (replay->due_us < now - 1000000)
		replay->due_us = now;
	if (replay->due_us > now) {
		if (!replay->producer && !write_out(replay, error))
			return false;
		if (is_stopped(replay, (int)((replay->due_us - now + 999) / 1000)))
			return false;
	}
	replay->due_us += 1000000 / rate;
	return true;
}

/* False: stopped before it, or an error. */
static bool deliver(struct replay *replay, const struct stored_event *event, struct error *error)
{
	if (replay->is_all && !with_system && is_system(event))
		return true;
	if (!event->id.ptr || !event->stream.ptr) {
		replay->gone++; /* a link whose target was removed */
		return true;
	}
	if (!pace(replay, error))
		return false;
	replay->binary += !event->data.ptr;
	compact(replay, event->data, &replay->data);
	compact(replay, event->metadata, &replay->metadata);
	if (!replay->producer)
		print_event(replay, event);
	else if (!produce_event(replay, event, error))
		return false;
	replay->delivered++;
	if (replay->shows_progress)
		reading_count(&replay->reading);
	return replay->out.len < OUT_BYTES || write_out(replay, error);
}

/* What was handed on is delivered; only then the position is kept. */
static bool checkpoint(struct replay *replay, struct error *error)
{
	if (replay->producer ? !await_acknowledgements(replay, error) : !write_out(replay, error))
		return false;
	replay->kept_ms = clock_ms();
	if (strcmp(replay->kept, replay->next) == 0)
		return true;
	if (position_path &&
		!position_file_write(position_path, replay->stream, replay->next, error))
		return false;
	memcpy(replay->kept, replay->next, sizeof(replay->kept));
	return true;
}

/* With --follow a store that is away comes back, and a stream may come to be. */
static bool may_pass(const struct replay *replay, const struct error *error)
{
	enum read_outcome outcome = reader_outcome(replay->reader);

	return follow && (error->kind == ERROR_RETRY || outcome == READ_NO_STREAM ||
				 (outcome == READ_DENIED && replay->delivered > 0));
}

static bool wait_again(struct replay *replay, struct error *error)
{
	if (!may_pass(replay, error))
		return false;
	if (!replay->away)
		log_line(LOG_WARN, "waiting", "error", error->text, NULL);
	replay->away = true;
	error_clear(error);
	return !is_stopped(replay, AWAY_PAUSE_MS);
}

/* An event's place, as --from takes it. $all tells none of single events: its page's. */
static void note_place(struct replay *replay, const struct stored_event *event)
{
	if (!replay->is_all && event->number >= 0)
		snprintf(replay->place, sizeof(replay->place), "%" PRId64, event->number);
}

static bool take_step(struct replay *replay, enum reader_step step,
	const struct stored_event *event, struct error *error)
{
	if (step == READER_FAILED)
		return wait_again(replay, error);
	if (replay->away)
		log_line(LOG_INFO, "going on", "stream", replay->stream, NULL);
	replay->away = false;
	if (step == READER_STOPPED)
		replay->stopped = true;
	else if (step == READER_END)
		replay->complete = !follow;
	if (step != READER_EVENT)
		return step == READER_END && follow;
	note_place(replay, event);
	memcpy(replay->next, replay->place, sizeof(replay->next));
	if (!deliver(replay, event, error))
		return false;
	snprintf(replay->next, sizeof(replay->next), "%s", reader_position(replay->reader));
	return true;
}

static void replay_events(struct replay *replay, struct error *error)
{
	const struct stored_event *event = NULL;
	enum reader_step step;
	bool goes_on = true;

	while (goes_on) {
		if (replay->is_all && !reader_is_filled(replay->reader))
			snprintf(replay->place, sizeof(replay->place), "%s",
				reader_position(replay->reader));
		/* It fills event: not in the call's arguments. */
		step = reader_next(replay->reader, &event, error);
		goes_on = take_step(replay, step, event, error);
		if (error->kind != ERROR_NONE)
			return;
		if (goes_on && reader_is_filled(replay->reader) &&
			clock_ms() - replay->kept_ms < CHECKPOINT_MS)
			continue;
		if (!checkpoint(replay, error))
			return;
		if (is_stopped(replay, 0))
			goes_on = false;
	}
}

/* --- Start and end --- */

static bool is_position(const struct replay *replay, const char *text)
{
	size_t len = strspn(text, replay->is_all ? "0123456789abcdefABCDEF" : "0123456789");

	return text[len] == '\0' && (replay->is_all ? len == ALL_DIGITS : len > 0 && len < 19);
}

/* The position file, where there is one, has the last word. */
static bool find_start(struct replay *replay, struct error *error)
{
	const char *source = "--from";

	if (from_text)
		snprintf(replay->kept, sizeof(replay->kept), "%s", from_text);
	if (position_path) {
		char position[POSITION_BYTES];

		if (!position_file_read(position_path, replay->stream, position, error))
			return false;
		if (position[0]) {
			source = position_path;
			memcpy(replay->kept, position, sizeof(position));
			end_half_line(replay);
		}
	}
	if (!replay->kept[0] || is_position(replay, replay->kept))
		return true;
	error_set(error, ERROR_INPUT, "%s: '%s' is no position: %s", source, replay->kept,
		replay->is_all ? "$all takes 32 hexadecimal digits, as 'position' and 'next' have "
				 "them in the output"
			       : "write the number of an event");
	return false;
}

static bool open_target(struct replay *replay, struct error *error)
{
	if (!to_text || strcmp(to_text, "-") == 0)
		return true;
	if (strncmp(to_text, "kafka:", 6) == 0 && to_text[6])
		replay->producer =
			wire_kafka_producer(replay->reading.config, to_text + 6, follow, error);
	else
		error_set(error, ERROR_INPUT,
			"--to '%s': write kafka:TOPIC, or - for standard output", to_text);
	return error->kind == ERROR_NONE;
}

static void open_stream(struct replay *replay)
{
	int half_s = replay->reading.config->eventstore.request_timeout_ms / 2000;
	struct reader_options options = {.stream = replay->stream,
		.from = replay->kept[0] ? replay->kept : NULL,
		.resolve = !replay->is_all,
		.long_poll_s = !follow		      ? 0
			       : half_s < LONG_POLL_S ? half_s
						      : LONG_POLL_S,
		.patience_ms = follow ? AWAY_PAUSE_MS : 0,
		.stop_fd = replay->stop_fd};

	if (follow && options.long_poll_s == 0)
		options.long_poll_s = 1;
	replay->reader = reader_open(replay->reading.store, &options);
	snprintf(replay->kept, sizeof(replay->kept), "%s", reader_position(replay->reader));
	memcpy(replay->next, replay->kept, sizeof(replay->next));
	memcpy(replay->place, replay->kept, sizeof(replay->place));
	replay->kept_ms = clock_ms();
}

static void tell_end(const struct replay *replay)
{
	if (replay->gone)
		log_text(LOG_WARN, "%" PRId64 " links lead to events that were removed",
			replay->gone);
	if (replay->binary)
		log_text(LOG_WARN, "%" PRId64 " events have no JSON data: null was put out for it",
			replay->binary);
	log_text(replay->complete ? LOG_INFO : LOG_WARN, "%" PRId64 " events%s; %s --from %s",
		replay->delivered, replay->complete ? ", to the end" : "",
		replay->complete ? "what comes later begins" : "go on with", replay->kept);
}

static void clear(struct replay *replay)
{
	reader_close(replay->reader);
	kafka_producer_free(replay->producer);
	js_doc_clear(&replay->doc);
	strbuf_clear(&replay->out);
	strbuf_clear(&replay->data);
	strbuf_clear(&replay->metadata);
	if (replay->stop_fd > 0)
		close(replay->stop_fd);
}

static int run(int argc, char **argv)
{
	struct replay replay = {0};
	struct error error = {0};
	int code;

	if (!reading_start(&replay.reading, &cmd_replay, &argc, argv, &code))
		return code;
	replay.stream = argc > 1 ? argv[1] : "";
	replay.is_all = strcmp(replay.stream, "$all") == 0;
	replay.stop_fd = open_signals();
	replay.shows_progress = (to_text && strcmp(to_text, "-") != 0) || !isatty(STDOUT_FILENO);
	if (!replay.stream[0])
		error_set(&error, ERROR_INPUT,
			"which stream? For example customers-1001, '$ce-customers', '$all'");
	else if (rate < 0)
		error_set(&error, ERROR_INPUT, "--rate is a number of events a second");
	if (error.kind == ERROR_NONE && find_start(&replay, &error) &&
		open_target(&replay, &error)) {
		open_stream(&replay);
		replay_events(&replay, &error);
		if (!replay.producer && !replay.half_line && error.kind != ERROR_FATAL) {
			print_end(&replay);
			write_out(&replay, &error);
		}
		log_progress(NULL);
		tell_end(&replay);
	}
	code = replay.stopped && !follow ? EXIT_REFUSED : EXIT_DONE;
	clear(&replay);
	return reading_end(&replay.reading, &error, code);
}

const struct command cmd_replay = {
	.name = "replay",
	.summary = "events again, in order, to standard output or a Kafka topic",
	.usage =
		"STREAM [--from POSITION] [--follow] [--to TARGET] [--position-file FILE]\n"
		"Reads a stream, a category ('$ce-customers') or everything ('$all') from its "
		"beginning and prints one JSON line an event: stream, revision, position, id, "
		"type, written, data, metadata. The last line is {\"complete\":true,\"events\":N,"
		"\"next\":\"POSITION\"}, or false where it broke off; next is what --from takes "
		"to go on.\n"
		"\n"
		"With --to kafka:TOPIC each event becomes a record: its data the value, its stream "
		"the key, and headers id, type, revision, written, metadata; connection and "
		"properties are those of the kafka section, the producer is idempotent.\n"
		"\n"
		"The position file is written after what stands before it was delivered: written "
		"to standard output, or acknowledged by Kafka. So nothing is lost when it is "
		"killed and started again; what comes twice then has the same id.\n"
		"\n"
		"  rowstream replay customers-1001\n"
		"  rowstream replay '$ce-customers' --follow --to kafka:customers "
		"--position-file customers.position",
	.run = run,
	.flags = flags,
	.max_arguments = 1,
};
